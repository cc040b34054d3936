import { Button, Loader } from '@mantine/core';
import { lazy, Suspense, useEffect } from 'react';
import { Link, Redirect, Route, Switch, useLocation } from 'wouter';
import { asProblem } from '../api/problem';
import { identity } from '../api/queries';
import { SiteProvider } from '../api/site';
import { may, useMe, useSigning, useSites, type Me, type Site } from '../api/session';
import { Notice, ProblemNotice } from '../parts/Answer';
import { ErrorBoundary } from '../parts/ErrorBoundary';
import { lastSite, rememberSite } from '../state/last';
import { useTitle } from '../state/title';
import { Frame } from './Frame';
import { addressOf, pages, type Page } from './pages';
import { PickTenant } from './PickTenant';
import css from './Shell.module.css';

const SignIn = lazy(() => import('../pages/sign-in/SignIn'));

/** Decides what is shown: the way to sign in, or the frame with the page of the address. */
export function Shell() {
  const me = useMe();
  const { out } = useSigning();
  if (me.isPending) return <Waiting />;
  if (!me.data)
    return asProblem(me.error).status === 401 ? (
      <Suspense fallback={<Waiting />}>
        <SignIn />
      </Suspense>
    ) : (
      <main className={css.alone}>
        <ProblemNotice error={me.error} retry={() => void me.refetch()} />
        {[403, 404].includes(asProblem(me.error).status) && (
          <Button mt="sm" onClick={() => void out()}>
            Sign in again
          </Button>
        )}
      </main>
    );
  return <SignedIn key={identity(me.data)} me={me.data} />;
}

function Waiting() {
  return (
    <div className={css.waiting} role="status" aria-label="Loading">
      <Loader size="sm" />
    </div>
  );
}

/** A part of an address; as it is if it cannot be decoded: no site is called so. */
function decoded(s: string): string {
  try {
    return decodeURIComponent(s);
  } catch {
    return s;
  }
}

function SignedIn({ me }: { me: Me }) {
  const sites = useSites(me.tenant !== undefined);
  const [path] = useLocation();
  const id = /^\/sites\/([^/]+)/.exec(path)?.[1];
  const wanted = id === undefined ? lastSite() : decoded(id);
  const site = sites.data?.find((s) => s.site_id === wanted) ?? (id === undefined ? sites.data?.[0] : undefined);
  useEffect(() => {
    if (site) rememberSite(site.site_id);
  }, [site]);
  const shown = pages.filter((p) => may(me, p.least));
  return (
    <Frame me={me} site={site} sites={sites.data ?? []} pages={shown}>
      <ErrorBoundary reset={path}>
        <Suspense fallback={<Waiting />}>
          <Switch>
            {shown.flatMap((p) => [p.path, ...(p.more ?? []).map((m) => p.path + m)].map((at) => (
              <Route key={p.id + at} path={p.of === 'site' ? `/sites/:site${at}` : at}>
                <OfSite page={p} me={me} site={site} sites={sites} />
              </Route>
            )))}
            <Route>
              <Elsewhere me={me} site={site} pages={shown} sites={sites} />
            </Route>
          </Switch>
        </Suspense>
      </ErrorBoundary>
    </Frame>
  );
}

function OfSite({ page, me, site, sites }: { page: Page; me: Me; site: Site | undefined; sites: ReturnType<typeof useSites> }) {
  if (page.of === 'tenant' && me.role === 'operator' && !me.tenant) return <PickTenant />;
  if (page.of !== 'site') return <page.view />;
  if (!site) return <NoSite me={me} sites={sites} />;
  return (
    <SiteProvider site={site}>
      <page.view key={site.site_id} />
    </SiteProvider>
  );
}

/** Addresses without a page: the first one leads to a page, the others are told. */
function Elsewhere({ me, site, pages: shown, sites }: { me: Me; site: Site | undefined; pages: Page[]; sites: ReturnType<typeof useSites> }) {
  const [path] = useLocation();
  const first = shown.find((p) => p.of === 'site');
  const bare = /^\/(sites\/[^/]+\/?)?$/.test(path);
  useTitle(bare ? '' : 'No such page');
  if (bare && site && first) return <Redirect to={addressOf(first, site.site_id)} replace />;
  if (bare) return <NoSite me={me} sites={sites} />;
  return (
    <Notice title="There is no such page">
      Nothing is at <span className="mono">{path}</span>, or your role may not see it. {site && first ? <Link href={addressOf(first, site.site_id)}>Go to {first.title} of {site.name}</Link> : <Link href="/">Go to the first page</Link>}, or to one of the navigation.
    </Notice>
  );
}

function NoSite({ me, sites }: { me: Me; sites: ReturnType<typeof useSites> }) {
  const unpicked = me.role === 'operator' && !me.tenant;
  useTitle(unpicked ? 'Choose a tenant' : sites.data === undefined ? '' : sites.data.length > 0 ? 'No such site' : 'No site yet');
  if (unpicked) return <PickTenant />;
  if (sites.isPending) return <Waiting />;
  if (sites.error) return <ProblemNotice error={sites.error} retry={() => void sites.refetch()} />;
  if (sites.data.length > 0) return <Notice title="There is no such site">It does not exist, or belongs to another tenant. Pick one of yours at the top left.</Notice>;
  return (
    <Notice title="No site yet">
      A source is a site or an app that sends events.{' '}
      {may(me, 'admin') ? (
        <>
          <Link href="/settings">Make one in the settings</Link>: you get a snippet for its pages, and see when the first event arrives.
        </>
      ) : (
        'An admin of the workspace makes one in the settings.'
      )}
    </Notice>
  );
}
