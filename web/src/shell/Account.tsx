import { Menu, useMantineColorScheme } from '@mantine/core';
import { IconBook2, IconDeviceDesktop, IconLogout, IconMoon, IconSun, IconUserCircle } from '@tabler/icons-react';
import { useSigning, type Me } from '../api/session';
import css from './SitePicker.module.css';

/** Who one is, light and dark, and the way out. */
export function Account({ me }: { me: Me }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { out } = useSigning();
  const who = me.name || me.email || (me.user ? me.actor : `${me.role} key`);
  return (
    <Menu position="top-start" width={200}>
      <Menu.Target>
        <button type="button" className={css.button}>
          <span className={css.text}>
            <span className="hidden">Account: </span>
            <span className="cut">{who}</span>
            <small className="cut">{me.role}</small>
          </span>
          <IconUserCircle size={18} stroke={1.6} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Appearance</Menu.Label>
        {(
          [
            ['auto', 'As the system', IconDeviceDesktop],
            ['light', 'Light', IconSun],
            ['dark', 'Dark', IconMoon],
          ] as const
        ).map(([id, name, Icon]) => (
          <Menu.Item key={id} leftSection={<Icon size={16} stroke={1.6} aria-hidden />} onClick={() => setColorScheme(id)} fw={colorScheme === id ? 600 : undefined} aria-current={colorScheme === id || undefined}>
            {name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item component="a" href="/docs" leftSection={<IconBook2 size={16} stroke={1.6} aria-hidden />}>
          The API
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} stroke={1.6} aria-hidden />} onClick={() => void out()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
