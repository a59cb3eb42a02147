import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SessionConnection } from '../src/session/connection';
import type { Viewer, ViewerEvents } from '../src/viewers/viewer';

/** Answers the control plane; `tickets` decides what the next ticket request gets. */
function server() {
  const state = {
    tickets: [] as (() => Response)[],
    calls: [] as string[],
    session: { id: 's', state: 'ready' } as Record<string, unknown>,
  };
  const json = (status: number, body: unknown) =>
    new Response(status === 204 ? null : JSON.stringify(body), { status });
  vi.stubGlobal(
    'fetch',
    vi.fn((url: string, init: RequestInit) => {
      state.calls.push(`${init.method ?? 'GET'} ${url}`);
      if (url.endsWith('/notices')) return new Promise<Response>(() => undefined);
      if (url.endsWith('/enter')) return Promise.resolve(json(204, null));
      if (url.endsWith('/ticket')) {
        const next = state.tickets.shift();
        return Promise.resolve(
          next?.() ?? json(200, { ticket: 't', base_url: '/session/s/', expires_at: 0 }),
        );
      }
      return Promise.resolve(json(200, state.session));
    }),
  );
  return { state, json };
}

function connect() {
  let events: ViewerEvents | null = null;
  const mounts: string[] = [];
  let disposed = 0;
  const viewer: Viewer = {
    mount: (_el, session) => mounts.push(session.baseUrl),
    resize: () => undefined,
    setScale: () => undefined,
    setPanning: () => undefined,
    sendClipboard: () => undefined,
    sendKey: () => undefined,
    focus: () => undefined,
    drop: () => events?.closed(1006, ''),
    dispose: () => (disposed += 1),
  };
  const connection = new SessionConnection(
    's',
    document.createElement('div'),
    (given) => {
      events = given;
      return viewer;
    },
    { followSmall: false, notice: () => undefined, clipboard: () => undefined },
  );
  connection.start();
  return { connection, mounts, events: () => events!, disposed: () => disposed };
}

const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

describe('SessionConnection', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('takes a ticket, goes in, and draws', async () => {
    const { state } = server();
    const { connection, mounts, events } = connect();
    await settle();
    expect(state.calls.slice(0, 2)).toContain('POST /api/v1/sessions/s/ticket');
    expect(state.calls).toContain('POST /session/s/enter');
    expect(mounts).toEqual(['/session/s/']);
    events().opened();
    expect(connection.state.value.at).toBe('connected');
    connection.dispose();
  });

  it('comes back by itself, with a new ticket for each try', async () => {
    const { state } = server();
    const { connection, mounts, events } = connect();
    await settle();
    events().opened();
    const tickets = () => state.calls.filter((line) => line.endsWith('/ticket')).length;
    const before = tickets();
    await settle(10_000);
    events().closed(1006, '');
    expect(connection.state.value.at).toBe('reconnecting');
    await settle(300);
    expect(mounts).toHaveLength(2);
    expect(tickets()).toBeGreaterThan(before);
    events().closed(1006, '');
    await settle(1_000);
    expect(mounts).toHaveLength(3);
    events().opened();
    expect(connection.state.value.at).toBe('connected');
    connection.dispose();
  });

  it('goes on through a server that is away, and stops after a minute', async () => {
    const { state, json } = server();
    const { connection, events } = connect();
    await settle();
    events().opened();
    await settle(10_000);
    state.tickets = Array.from({ length: 50 }, () => () => json(503, { code: 'busy' }));
    events().closed(1012, '');
    await settle(50_000);
    expect(connection.state.value.at).toBe('reconnecting');
    await settle(15_000);
    expect(connection.state.value).toMatchObject({ at: 'stopped', why: 'network' });
    state.tickets = [];
    connection.tryNow();
    await settle(300);
    events().opened();
    expect(connection.state.value.at).toBe('connected');
    connection.dispose();
  });

  it('learns from a refused ticket that the session is over', async () => {
    const { state, json } = server();
    state.tickets = [() => json(409, { code: 'not-ready' }), () => json(409, { code: 'not-ready' })];
    state.session = { id: 's', state: 'ended', end: { code: 'idle', text: 'It was idle for too long.' } };
    const { connection } = connect();
    await settle();
    expect(connection.state.value).toEqual({ at: 'ended', code: 'idle', text: 'It was idle for too long.' });
    connection.dispose();
  });

  it('a session that is gone is over; one that is refused is not asked for again', async () => {
    const { state, json } = server();
    state.tickets = [() => json(404, {}), () => json(404, {})];
    const gone = connect();
    await settle();
    expect(gone.connection.state.value.at).toBe('ended');
    gone.connection.dispose();
    state.tickets = [() => json(403, { detail: 'Not yours.' }), () => json(403, {})];
    const refused = connect();
    await settle();
    expect(refused.connection.state.value).toMatchObject({ at: 'stopped', text: 'Not yours.' });
    refused.connection.dispose();
  });

  it('does not wait for a socket when the network is known to be gone', async () => {
    server();
    const { connection, mounts, events } = connect();
    await settle();
    events().opened();
    await settle(10_000);
    window.dispatchEvent(new Event('offline'));
    expect(connection.state.value.at).toBe('reconnecting');
    window.dispatchEvent(new Event('online'));
    await settle(300);
    expect(mounts.length).toBeGreaterThan(1);
    connection.dispose();
  });

  it('leaves nothing behind', async () => {
    const { state } = server();
    const { connection, events, disposed } = connect();
    await settle();
    events().opened();
    connection.dispose();
    expect(disposed()).toBe(1);
    const calls = state.calls.length;
    await settle(120_000);
    expect(state.calls).toHaveLength(calls);
  });
});
