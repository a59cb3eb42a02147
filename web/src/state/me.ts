/** Who is logged in. */
import { computed, signal } from '@preact/signals';
import { ApiError, onLoginRequired, setCsrfToken } from '../api/client';
import { api } from '../api/endpoints';
import type { Me, Permission } from '../api/types';
import { unwatchEdges, watchEdges } from './edges';
import { go, place, safeReturn } from '../router';

export type MeState =
  { at: 'unknown' } | { at: 'nobody' } | { at: 'failed'; error: unknown } | { at: 'known'; me: Me };

export const meState = signal<MeState>({ at: 'unknown' });
export const me = computed(() => (meState.value.at === 'known' ? meState.value.me : null));

/** Whether the person may do `permission`. */
export const may = (permission: Permission): boolean => me.value?.permissions.includes(permission) ?? false;

function know(found: Me): void {
  setCsrfToken(found.csrf_token);
  meState.value = { at: 'known', me: found };
  void watchEdges();
}

function forget(): void {
  unwatchEdges();
  setCsrfToken('');
  meState.value = { at: 'nobody' };
}

/** Asks the server who this is. */
export async function loadMe(): Promise<void> {
  try {
    know(await api.me());
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) toLogin();
    else meState.value = { at: 'failed', error };
  }
}

/** Shows the login page and remembers where to return. */
export function toLogin(): void {
  forget();
  const { path, query } = place.value;
  if (path === '/login') return;
  const text = query.toString();
  const next = text === '' ? path : `${path}?${text}`;
  go(next === '/' ? '/login' : `/login?next=${encodeURIComponent(next)}`, { replace: true });
}

export async function logIn(username: string, password: string): Promise<void> {
  know(await api.login(username, password));
  go(safeReturn(place.value.query.get('next')), { replace: true });
}

export async function logOut(): Promise<void> {
  try {
    await api.logout();
  } finally {
    forget();
    go('/login');
  }
}

onLoginRequired(toLogin);
