import { IconActivity, IconArrowsSplit2, IconBuildings, IconCalendarRepeat, IconChartAreaLine, IconFilterDown, IconHeartbeat, IconLayoutDashboard, IconListDetails, IconReceipt, IconSettings, IconSql, IconUsers, type IconProps } from '@tabler/icons-react';
import { lazy, type ComponentType, type FC } from 'react';
import type { Role } from '../api/session';
import type { Part } from '../state/url';

/**
 * A page of the dashboard. `path` is below /sites/:site for pages of a site (`of: 'site'`), else the address itself; `more` are further addresses of the same
 * page, below `path`. `controls` says which parts of the view the page's head shows. A page is listed here when what it asks for exists, not earlier.
 */
export type Page = {
  id: string;
  title: string;
  path: string;
  more?: string[];
  of: 'site' | 'tenant' | 'operator';
  least: Role;
  icon: FC<IconProps>;
  /** Further addresses show one thing, which no range or filter changes: their head has no controls. */
  bare?: true;
  controls: Part[];
  view: ComponentType;
};

export const pages: Page[] = [
  {
    id: 'overview',
    title: 'Overview',
    path: '/overview',
    of: 'site',
    least: 'viewer',
    icon: IconChartAreaLine,
    controls: ['range', 'compare', 'filters'],
    view: lazy(() => import('../pages/overview/Overview')),
  },
  {
    id: 'live',
    title: 'Live',
    path: '/live',
    of: 'site',
    least: 'viewer',
    icon: IconActivity,
    controls: [],
    view: lazy(() => import('../pages/live/Live')),
  },
  {
    id: 'events',
    title: 'Events',
    path: '/events',
    of: 'site',
    least: 'viewer',
    icon: IconListDetails,
    controls: ['range', 'filters'],
    view: lazy(() => import('../pages/events/Events')),
  },
  {
    id: 'sessions',
    title: 'Sessions',
    path: '/sessions',
    more: ['/visitors/:visitor', '/:id'],
    bare: true,
    of: 'site',
    least: 'viewer',
    icon: IconUsers,
    controls: ['range', 'filters'],
    view: lazy(() => import('../pages/sessions/Sessions')),
  },
  {
    id: 'funnels',
    title: 'Funnels',
    path: '/funnels',
    of: 'site',
    least: 'viewer',
    icon: IconFilterDown,
    controls: ['range', 'filters'],
    view: lazy(() => import('../pages/funnels/Funnels')),
  },
  {
    id: 'retention',
    title: 'Retention',
    path: '/retention',
    of: 'site',
    least: 'viewer',
    icon: IconCalendarRepeat,
    controls: ['periods', 'filters'],
    view: lazy(() => import('../pages/retention/Retention')),
  },
  {
    id: 'paths',
    title: 'Paths',
    path: '/paths',
    of: 'site',
    least: 'viewer',
    icon: IconArrowsSplit2,
    controls: ['range', 'filters'],
    view: lazy(() => import('../pages/paths/Paths')),
  },
  {
    id: 'dashboards',
    title: 'Dashboards',
    path: '/dashboards',
    more: ['/:dashboard'],
    of: 'tenant',
    least: 'viewer',
    icon: IconLayoutDashboard,
    controls: [],
    view: lazy(() => import('../pages/dashboards/Dashboards')),
  },
  {
    id: 'sql',
    title: 'SQL',
    path: '/sql',
    of: 'tenant',
    least: 'analyst',
    icon: IconSql,
    controls: [],
    view: lazy(() => import('../pages/sql/Sql')),
  },
  {
    id: 'health',
    title: 'Data health',
    path: '/health',
    of: 'site',
    least: 'viewer',
    icon: IconHeartbeat,
    controls: ['range'],
    view: lazy(() => import('../pages/health/DataHealth')),
  },
  {
    id: 'usage',
    title: 'Usage and cost',
    path: '/usage',
    of: 'tenant',
    least: 'admin',
    icon: IconReceipt,
    controls: [],
    view: lazy(() => import('../pages/usage/Usage')),
  },
  {
    id: 'settings',
    title: 'Settings',
    path: '/settings',
    more: ['/keys', '/people', '/privacy', '/limits', '/general'],
    of: 'tenant',
    least: 'admin',
    icon: IconSettings,
    controls: [],
    view: lazy(() => import('../pages/settings/Settings')),
  },
  {
    id: 'tenants',
    title: 'Tenants',
    path: '/tenants',
    of: 'operator',
    least: 'operator',
    icon: IconBuildings,
    controls: [],
    view: lazy(() => import('../pages/tenants/Tenants')),
  },
];

/** The address of a page; `site` is needed for those of a site. */
export const addressOf = (p: Page, site: string | undefined): string => (p.of === 'site' ? `/sites/${encodeURIComponent(site ?? '')}${p.path}` : p.path);
