/** What surrounds every page of a signed-in person: the way around, and who one is. */
import {
  ActionIcon,
  AppShell,
  Burger,
  Group,
  Indicator,
  Menu,
  NavLink,
  ScrollArea,
  Text,
  UnstyledButton,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import {
  IconActivity,
  IconBell,
  IconChartBar,
  IconDatabase,
  IconHistory,
  IconKey,
  IconMoon,
  IconSend,
  IconSun,
  IconTable,
  IconTargetArrow,
  IconUser,
  IconUserSearch,
  IconUsers,
  IconUsersGroup,
} from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router';
import { api } from '../api/client.ts';
import type { Power } from '../api/may.ts';
import { meQuery } from '../api/queries.ts';
import { unreadQuery } from '../api/settings.ts';
import { ReachedNotice } from './reached-notice.tsx';

interface Way {
  readonly to: string;
  readonly label: string;
  readonly icon: typeof IconActivity;
  readonly group?: string;
  /** Who may not is not shown it. */
  readonly power?: Power;
}

const ways = [
  { to: '/', label: 'Overview', icon: IconActivity },
  { to: '/sources', label: 'Sources', icon: IconDatabase, group: 'Reverse ETL', power: 'source:read' },
  { to: '/models', label: 'Models', icon: IconTable, group: 'Reverse ETL', power: 'source:read' },
  { to: '/destinations', label: 'Destinations', icon: IconSend, group: 'Reverse ETL', power: 'source:read' },
  { to: '/profiles', label: 'Profiles', icon: IconUserSearch, group: 'Unify', power: 'space:read' },
  { to: '/audiences', label: 'Audiences', icon: IconTargetArrow, group: 'Unify', power: 'space:read' },
  { to: '/spaces', label: 'Spaces', icon: IconUsersGroup, group: 'Unify', power: 'space:read' },
  { to: '/usage', label: 'Usage', icon: IconChartBar, group: 'Unify', power: 'workspace:admin' },
  { to: '/settings/people', label: 'People', icon: IconUsers, group: 'Settings', power: 'workspace:admin' },
  { to: '/settings/tokens', label: 'Tokens', icon: IconKey, group: 'Settings', power: 'workspace:admin' },
  { to: '/settings/alerts', label: 'Alerts', icon: IconBell, group: 'Settings', power: 'source:read' },
  { to: '/settings/audit', label: 'Audit trail', icon: IconHistory, group: 'Settings', power: 'workspace:admin' },
] as const satisfies readonly Way[];

const focusMain = () => document.getElementById('main')?.focus({ preventScroll: true });

export function Layout() {
  const [opened, { toggle, close }] = useDisclosure();
  const { pathname } = useLocation();
  const choose = () => {
    close();
    // A menu that is closed holds no focus. The page that comes takes it on to its heading.
    focusMain();
  };
  const isHere = (to: string) => (to === '/' ? pathname === '/' : pathname === to || pathname.startsWith(`${to}/`));
  const powers = useQuery(meQuery).data?.powers ?? [];
  const shown = (ways as readonly Way[]).filter(({ power }) => power === undefined || powers.includes(power));
  const groups = [...new Set(shown.map(({ group = '' }) => group))];
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 232, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding="lg"
    >
      <UnstyledButton className="skip" onClick={focusMain}>
        Skip to the page
      </UnstyledButton>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-expanded={opened}
              aria-label="Show the way around"
            />
            <img src="/favicon.svg" alt="" width={24} height={24} />
            <Text fw={700}>Millrace</Text>
          </Group>
          <Group gap="xs" wrap="nowrap">
            {powers.includes('source:read') && <Bell />}
            <ColorScheme />
            <Person />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Main" className="menu" mod={{ opened }}>
        <ScrollArea>
          {groups.map((group) => (
            <div key={group}>
              {group !== '' && (
                <Text size="xs" fw={600} c="dimmed" px="sm" pt="md" pb={4}>
                  {group}
                </Text>
              )}
              {shown
                .filter((way) => (way.group ?? '') === group)
                .map(({ to, label, icon: Icon }) => (
                  <NavLink
                    key={to}
                    component={Link}
                    to={to}
                    label={label}
                    leftSection={<Icon size={18} aria-hidden />}
                    active={isHere(to)}
                    {...(isHere(to) && { 'aria-current': 'page' as const })}
                    onClick={choose}
                  />
                ))}
            </div>
          ))}
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <ReachedNotice />
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}

/** How much the alerts said that nobody has read. */
function Bell() {
  const { data: unread = 0 } = useQuery(unreadQuery);
  return (
    <Indicator label={unread > 99 ? '99+' : unread} size={16} offset={4} disabled={unread === 0} color="red.9">
      <ActionIcon
        component={Link}
        to="/settings/alerts"
        variant="subtle"
        color="gray"
        aria-label={unread === 0 ? 'Notices' : `Notices, ${unread} unread`}
      >
        <IconBell size={18} aria-hidden />
      </ActionIcon>
    </Indicator>
  );
}

function ColorScheme() {
  const { setColorScheme } = useMantineColorScheme();
  const isDark = useComputedColorScheme('light') === 'dark';
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      aria-label={isDark ? 'Use light colours' : 'Use dark colours'}
      onClick={() => setColorScheme(isDark ? 'light' : 'dark')}
    >
      {isDark ? <IconSun size={18} aria-hidden /> : <IconMoon size={18} aria-hidden />}
    </ActionIcon>
  );
}

function Person() {
  const { data: me } = useQuery(meQuery);
  const client = useQueryClient();
  const navigate = useNavigate();
  const signOut = async () => {
    await api.post('/app/sign-out');
    client.clear();
    await navigate({ to: '/sign-in', ignoreBlocker: true });
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="You">
          <IconUser size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{me?.person.email ?? ''}</Menu.Label>
        <Menu.Item component={Link} to="/settings/you">
          Your account
        </Menu.Item>
        <Menu.Item onClick={() => void signOut()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
