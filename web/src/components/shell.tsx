/** The frame of every page but the login and the desktop: skip link, bar, navigation. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Permission } from '../api/types';
import { place } from '../router';
import { logOut, may, me } from '../state/me';
import {
  ActivityIcon,
  DesktopIcon,
  GridIcon,
  HomeIcon,
  LogoutIcon,
  Mark,
  NodeIcon,
  PlugIcon,
  UserIcon,
} from './icons';
import { EdgeOffer } from './edge-offer';
import { MenuButton } from './menu';
import { ThemeButton } from './theme-button';

interface Props {
  title: string;
  children: ComponentChildren;
}

const PAGES: { to: string; label: string; icon: ComponentChildren; permission: Permission | null }[] = [
  { to: '/', label: 'Home', icon: <HomeIcon />, permission: null },
  { to: '/workspaces', label: 'Workspaces', icon: <GridIcon />, permission: 'workspaces.manage' },
  { to: '/sessions', label: 'Sessions', icon: <DesktopIcon />, permission: 'sessions.manage' },
  { to: '/nodes', label: 'Nodes', icon: <NodeIcon />, permission: 'nodes.manage' },
  { to: '/plugins', label: 'Plugins', icon: <PlugIcon />, permission: 'plugins.view' },
  { to: '/activity', label: 'Activity', icon: <ActivityIcon />, permission: 'activity.view' },
];

const isHere = (to: string, path: string) =>
  // A page of one session is its person's own.
  path === to || (to !== '/' && to !== '/sessions' && path.startsWith(`${to}/`));

export function Shell({ title, children }: Props) {
  const main = useRef<HTMLElement>(null);
  const path = place.value.path;
  useTitle(title);

  // A new page is announced by moving the focus to it, but not on the very first load.
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [path]);

  return (
    <>
      <a class="skip-link" href="#main">
        Skip to content
      </a>
      <header class="bar">
        <a class="brand" href="/" aria-label="Gatewright, home">
          <Mark />
          <span>Gatewright</span>
        </a>
        <nav class="nav" aria-label="Main">
          {PAGES.filter((page) => page.permission === null || may(page.permission)).map((page) => (
            <a key={page.to} href={page.to} aria-current={isHere(page.to, path) ? 'page' : undefined}>
              {page.icon}
              <span>{page.label}</span>
            </a>
          ))}
        </nav>
        <div class="bar-end">
          <ThemeButton />
          <MenuButton label={`Account: ${me.value?.user.name ?? ''}`} icon={<UserIcon />}>
            {{
              head: (
                <>
                  <strong>{me.value?.user.name}</strong>
                  <span>{me.value?.groups.map((group) => group.name).join(', ')}</span>
                </>
              ),
              items: [{ label: 'Log out', icon: <LogoutIcon />, act: () => void logOut() }],
            }}
          </MenuButton>
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <div class="page">
          <EdgeOffer />
          {children}
        </div>
      </main>
      <footer class="foot">Gatewright {me.value?.version}</footer>
    </>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === '' ? 'Gatewright' : `${title} · Gatewright`;
  }, [title]);
}
