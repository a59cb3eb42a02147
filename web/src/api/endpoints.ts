/** Every call of the REST API that the pages make, by name. */
import { call } from './client';
import type {
  ActivityFilter,
  ActivityPage,
  Home,
  Impact,
  Me,
  Plugin,
  Session,
  Ticket,
  Workspace,
} from './types';

const V1 = '/api/v1';
const seg = encodeURIComponent;

interface Items<T> {
  items: T[];
}

export const api = {
  login: (username: string, password: string) =>
    call<Me>('POST', `${V1}/login`, { body: { username, password }, quiet401: true }),
  logout: () => call<undefined>('POST', `${V1}/logout`, { quiet401: true }),
  me: () => call<Me>('GET', `${V1}/me`, { quiet401: true }),
  home: (signal?: AbortSignal) => call<Home>('GET', `${V1}/home`, opt(signal)),
  removeExamples: () => call<undefined>('DELETE', `${V1}/examples`),

  workspaces: async (signal?: AbortSignal) =>
    (await call<Items<Workspace>>('GET', `${V1}/workspaces`, opt(signal))).items,

  sessions: async (signal?: AbortSignal) =>
    (await call<Items<Session>>('GET', `${V1}/sessions`, opt(signal))).items,
  session: (id: string, signal?: AbortSignal) =>
    call<Session>('GET', `${V1}/sessions/${seg(id)}`, opt(signal)),
  launch: (workspaceId: string, idempotencyKey: string) =>
    call<Session>('POST', `${V1}/sessions`, {
      body: { workspace_id: workspaceId },
      headers: { 'idempotency-key': idempotencyKey },
    }),
  endSession: (id: string) => call<Session>('DELETE', `${V1}/sessions/${seg(id)}`),
  ticket: (id: string, signal?: AbortSignal) =>
    call<Ticket>('POST', `${V1}/sessions/${seg(id)}/ticket`, opt(signal)),
  /** Turns a ticket into the cookie of the session's own path. */
  enter: (baseUrl: string, ticket: string, signal?: AbortSignal) =>
    call<undefined>('POST', `${baseUrl}enter`, { ...opt(signal), body: { ticket }, quiet401: true }),

  plugins: async (signal?: AbortSignal) =>
    (await call<Items<Plugin>>('GET', `${V1}/plugins`, opt(signal))).items,
  impact: (name: string, version: string, signal?: AbortSignal) =>
    call<Impact>('GET', `${V1}/plugins/${seg(name)}/versions/${seg(version)}/impact`, opt(signal)),
  activate: (name: string, version: string) =>
    call<Plugin>('POST', `${V1}/plugins/${seg(name)}/versions/${seg(version)}/activate`),
  rollBack: (name: string) => call<Plugin>('POST', `${V1}/plugins/${seg(name)}/rollback`),
  deleteVersion: (name: string, version: string) =>
    call<undefined>('DELETE', `${V1}/plugins/${seg(name)}/versions/${seg(version)}`),

  activity: (filter: ActivityFilter, before?: number, signal?: AbortSignal) => {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(filter)) {
      if (typeof value === 'string' && value !== '') query.set(key, value);
    }
    if (before !== undefined) query.set('before', String(before));
    query.set('limit', '50');
    return call<ActivityPage>('GET', `${V1}/activity?${query.toString()}`, opt(signal));
  },
};

/** Where a session reports its own changes. */
export const sessionEventsUrl = (id: string) => `${V1}/sessions/${seg(id)}/events`;
export const pluginsUrl = `${V1}/plugins`;

function opt(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
