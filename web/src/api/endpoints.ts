/** Every call that the pages make, by name. */
import { call } from './client';
import { del, fill, get, post, put } from './typed';
import type { ActivityFilter, NewNode, WorkspaceWish } from './types';

type Signal = AbortSignal | undefined;

export const api = {
  login: (username: string, password: string) =>
    post('/api/v1/login', { body: { username, password }, quiet401: true }),
  logout: () => post('/api/v1/logout', { quiet401: true }),
  me: () => get('/api/v1/me', { quiet401: true }),
  edges: async (signal?: Signal) => (await get('/api/v1/edges', { signal })).items,
  handOver: () => post('/api/v1/handover', { quiet401: true }),
  home: (signal?: Signal) => get('/api/v1/home', { signal }),
  removeExamples: () => del('/api/v1/examples'),

  workspaces: async (signal?: Signal) => (await get('/api/v1/workspaces', { signal })).items,

  workspaceSettings: async (signal?: Signal) => (await get('/api/v1/workspaces/settings', { signal })).items,
  workspaceSetting: (id: string, signal?: Signal) =>
    get('/api/v1/workspaces/{id}', { parts: { id }, signal }),
  createWorkspace: (wish: WorkspaceWish) => post('/api/v1/workspaces', { body: wish }),
  changeWorkspace: (id: string, wish: WorkspaceWish) =>
    put('/api/v1/workspaces/{id}', { parts: { id }, body: wish }),
  deleteWorkspace: (id: string, endSessions: boolean) =>
    del('/api/v1/workspaces/{id}', {
      parts: { id },
      ...(endSessions ? { query: new URLSearchParams({ end_sessions: 'true' }) } : {}),
    }),

  workspaceNodes: async (id: string, signal?: Signal) =>
    (await get('/api/v1/workspaces/{id}/nodes', { parts: { id }, signal })).items,
  pullImage: (id: string, node: string) =>
    post('/api/v1/workspaces/{id}/nodes/{node}/pull', { parts: { id, node } }),
  cancelPull: (id: string, node: string) =>
    del('/api/v1/workspaces/{id}/nodes/{node}/pull', { parts: { id, node } }),
  checkImage: (id: string, node: string) =>
    post('/api/v1/workspaces/{id}/check', { parts: { id }, body: { node_id: node } }),
  lastCheck: async (id: string, signal?: Signal) =>
    (await get('/api/v1/workspaces/{id}/check', { parts: { id }, signal })).check ?? null,

  savedHomes: async (signal?: Signal) => (await get('/api/v1/homes', { signal })).items,
  deleteHome: (id: string) => del('/api/v1/homes/{id}', { parts: { id } }),

  sessions: async (signal?: Signal) => (await get('/api/v1/sessions', { signal })).items,
  session: (id: string, signal?: Signal) => get('/api/v1/sessions/{id}', { parts: { id }, signal }),
  launch: (workspaceId: string, idempotencyKey: string) =>
    post('/api/v1/sessions', {
      body: { workspace_id: workspaceId },
      headers: { 'idempotency-key': idempotencyKey },
    }),
  endSession: (id: string) => del('/api/v1/sessions/{id}', { parts: { id } }),
  pauseSession: (id: string) => post('/api/v1/sessions/{id}/pause', { parts: { id } }),
  resumeSession: (id: string) => post('/api/v1/sessions/{id}/resume', { parts: { id } }),
  ticket: (id: string, signal?: Signal) => post('/api/v1/sessions/{id}/ticket', { parts: { id }, signal }),
  /** Turns a ticket into the cookie of the session's own path, which the REST API does not serve. */
  enter: (baseUrl: string, ticket: string, signal?: Signal) =>
    call<undefined>('POST', `${baseUrl}enter`, { signal, body: { ticket }, quiet401: true }),

  runningSessions: async (signal?: Signal) => (await get('/api/v1/running-sessions', { signal })).items,
  sessionStats: (id: string, signal?: Signal) =>
    get('/api/v1/sessions/{id}/stats', { parts: { id }, signal }),
  sessionLog: async (id: string, signal?: Signal) =>
    (await get('/api/v1/sessions/{id}/logs', { parts: { id }, signal })).items,

  nodes: async (signal?: Signal) => (await get('/api/v1/nodes', { signal })).items,
  addNode: (node: NewNode) => post('/api/v1/nodes', { body: node }),
  removeNode: (id: string) => del('/api/v1/nodes/{id}', { parts: { id } }),

  plugins: async (signal?: Signal) => (await get('/api/v1/plugins', { signal })).items,
  impact: (name: string, version: string, signal?: Signal) =>
    get('/api/v1/plugins/{name}/versions/{version}/impact', { parts: { name, version }, signal }),
  activate: (name: string, version: string) =>
    post('/api/v1/plugins/{name}/versions/{version}/activate', { parts: { name, version } }),
  rollBack: (name: string) => post('/api/v1/plugins/{name}/rollback', { parts: { name } }),
  deleteVersion: (name: string, version: string) =>
    del('/api/v1/plugins/{name}/versions/{version}', { parts: { name, version } }),

  activity: (filter: ActivityFilter, before?: number, signal?: Signal) => {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(filter)) {
      if (typeof value === 'string' && value !== '') query.set(key, value);
    }
    if (before !== undefined) query.set('before', String(before));
    query.set('limit', '50');
    return get('/api/v1/activity', { query, signal });
  },
};

/** Where a session reports its own changes. */
export const sessionEventsUrl = (id: string) => fill('/api/v1/sessions/{id}/events', { id });
export const pluginsUrl = fill('/api/v1/plugins', {});
