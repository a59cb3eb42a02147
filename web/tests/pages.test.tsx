import { fireEvent, render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ActivityItem, Me, Plugin, Session } from '../src/api/types';
import { App } from '../src/app';
import { ActivityRow } from '../src/pages/activity/activity-row';
import { ActivateDialog } from '../src/pages/plugins/activate-dialog';
import { Uploader } from '../src/pages/plugins/uploader';
import { ConnectionOverlay } from '../src/pages/session/connection-overlay';
import { EndedView } from '../src/pages/session/ended-view';
import { LaunchView } from '../src/pages/session/launch-view';
import { PausedView } from '../src/pages/session/paused-view';
import { SidePanel } from '../src/pages/session/side-panel';
import { Toasts } from '../src/pages/session/toasts';
import { go, place } from '../src/router';
import { Desk } from '../src/session/desk';
import { addNotice } from '../src/session/notices';
import { loadMe, meState } from '../src/state/me';

type Answer = { status: number; body?: unknown; headers?: Record<string, string> };
let answers: Record<string, Answer>;
let calls: string[];

const ME: Me = {
  user: { id: 'u', name: 'admin', role: 'admin' },
  groups: [],
  permissions: ['plugins.view', 'plugins.upload', 'plugins.activate', 'activity.view'],
  csrf_token: 't',
  version: '0.1.0',
};
const SESSION: Session = {
  id: 's',
  workspace: { id: 'w', name: 'Terminal', icon: 'terminal' },
  state: 'starting',
  step: 'Starting the desktop',
  steps: [
    { state: 'reserved', label: 'Place reserved', done: true },
    { state: 'starting', label: 'Starting the desktop', done: false },
    { state: 'ready', label: 'Ready', done: false },
  ],
  created_at: 0,
  user: { id: 'u', name: 'admin' },
};

beforeEach(() => {
  calls = [];
  answers = { 'GET /api/v1/me': { status: 200, body: ME } };
  vi.stubGlobal(
    'fetch',
    vi.fn((url: string, init: RequestInit) => {
      const key = `${init.method ?? 'GET'} ${url}`;
      calls.push(key);
      const { status, body, headers } = answers[key] ?? { status: 404, body: {} };
      return Promise.resolve(new Response(status === 204 ? null : JSON.stringify(body), { status, headers }));
    }),
  );
  meState.value = { at: 'known', me: ME };
});

describe('a paused session', () => {
  it('is resumed from its page', async () => {
    const paused: Session = { ...SESSION, state: 'ready', paused_at: 1 };
    answers['POST /api/v1/sessions/s/resume'] = { status: 200, body: { ...paused, paused_at: undefined } };
    const changed = vi.fn();
    render(<PausedView session={paused} changed={changed} />);
    expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('Terminal is paused');
    await userEvent.click(screen.getByRole('button', { name: 'Resume' }));
    await waitFor(() => expect(changed).toHaveBeenCalledWith(expect.objectContaining({ state: 'ready' })));
  });

  it('says why it can not be', async () => {
    answers['POST /api/v1/sessions/s/resume'] = {
      status: 409,
      body: { code: 'not-ready', detail: 'The session is ending.', status: 409 },
    };
    render(<PausedView session={{ ...SESSION, state: 'ready', paused_at: 1 }} changed={() => undefined} />);
    await userEvent.click(screen.getByRole('button', { name: 'Resume' }));
    await screen.findByText(/The session is ending\./);
  });
});

describe('login', () => {
  beforeEach(() => {
    meState.value = { at: 'nobody' };
    go('/login?next=%2Fnowhere');
  });
  const submit = async () => {
    render(<App />);
    await userEvent.type(screen.getByLabelText('User name'), 'admin');
    await userEvent.type(screen.getByLabelText('Password'), 'secret');
    await userEvent.click(screen.getByRole('button', { name: 'Log in' }));
  };

  it('says what is wrong, and stays', async () => {
    answers['POST /api/v1/login'] = { status: 401, body: { code: 'bad-credentials', detail: 'x' } };
    await submit();
    expect((await screen.findByRole('alert')).textContent).toContain('user name or the password is wrong');
    expect(place.value.path).toBe('/login');
    expect(document.activeElement).toBe(screen.getByLabelText('Password'));
  });

  it('says how long to wait', async () => {
    answers['POST /api/v1/login'] = { status: 429, body: {}, headers: { 'retry-after': '42' } };
    await submit();
    expect((await screen.findByRole('alert')).textContent).toBe(
      'Too many tries. Wait 42 seconds and try again.',
    );
  });

  it('asks for both before it asks the server', async () => {
    render(<App />);
    await userEvent.click(screen.getByRole('button', { name: 'Log in' }));
    expect(screen.getByRole('alert').textContent).toContain('Enter your user name');
    expect(calls).toEqual([]);
  });

  it('returns to where the person was', async () => {
    answers['POST /api/v1/login'] = { status: 200, body: ME };
    await submit();
    await waitFor(() => expect(place.value.path).toBe('/nowhere'));
    expect(screen.getByRole('heading', { level: 1 }).textContent).toContain('no such page');
  });

  it('is where a lost login leads, with the way back', async () => {
    go('/activity?gate=upload');
    answers['GET /api/v1/me'] = { status: 401, body: { code: 'login-required' } };
    await loadMe();
    expect(place.value.path).toBe('/login');
    expect(place.value.query.get('next')).toBe('/activity?gate=upload');
  });
});

describe('a session that starts', () => {
  it('shows which step it is at', () => {
    render(<LaunchView session={SESSION} />);
    const steps = within(screen.getByRole('list', { name: 'Steps' })).getAllByRole('listitem');
    expect(steps.map((step) => step.getAttribute('aria-current'))).toEqual([null, 'step', null]);
    expect(screen.getByRole('status').textContent).toBe('Starting the desktop');
  });

  it('says why it failed, with the reference, and tries again', async () => {
    const end = { code: 'launch-failed', text: 'No place is free. Ref K7Q2.' };
    answers['POST /api/v1/sessions'] = { status: 202, body: { ...SESSION, id: 's2' } };
    render(<EndedView session={{ ...SESSION, state: 'failed', end }} />);
    expect(screen.getByRole('alert').textContent).toContain('No place is free. Ref K7Q2.');
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(place.value.path).toBe('/sessions/s2'));
  });
});

describe('the desktop page', () => {
  it('shows notices in the server’s words, as alert or status, until they are dismissed', async () => {
    const desk = new Desk(SESSION);
    const text = 'Paste blocked: text is 71 KiB, the limit is 64 KiB. Ref M3XA.';
    desk.notices.value = addNotice([], { kind: 'blocked', text, at: 1 }, 1);
    desk.notices.value = addNotice(desk.notices.value, { kind: 'changed', text: 'Copy changed.', at: 2 }, 2);
    render(<Toasts desk={desk} />);
    expect(within(screen.getByRole('alert')).getByText(text)).toBeTruthy();
    expect(screen.getByRole('status').textContent).toContain('Copy changed.');
    await userEvent.click(within(screen.getByRole('alert')).getByRole('button', { name: 'Dismiss' }));
    expect(screen.queryByRole('alert')).toBeNull();
    expect(desk.notices.value).toHaveLength(2);
  });

  it('offers a button where the browser did not take copied text', async () => {
    vi.spyOn(navigator.clipboard, 'writeText').mockRejectedValue(new Error('refused'));
    const desk = new Desk(SESSION);
    await desk.copyOut.offer('from inside');
    render(<Toasts desk={desk} />);
    expect(screen.getByRole('button', { name: 'Copy' })).toBeTruthy();
  });

  it('explains the paste box when the browser refused', () => {
    const desk = new Desk(SESSION);
    desk.pasteProblem.value = 'refused';
    render(<SidePanel desk={desk} askEnd={() => undefined} />);
    expect(screen.getByText(/did not hand over the clipboard/)).toBeTruthy();
    expect(document.activeElement).toBe(screen.getByLabelText('Text for the session'));
  });

  it('sends what is in the paste box', async () => {
    const desk = new Desk(SESSION);
    const sent = vi.spyOn(desk, 'sendText').mockImplementation(() => undefined);
    render(<SidePanel desk={desk} askEnd={() => undefined} />);
    const button = screen.getByRole('button', { name: 'Send to session' });
    expect(button).toHaveProperty('disabled', true);
    await userEvent.type(screen.getByLabelText('Text for the session'), 'hello');
    await userEvent.click(button);
    expect(sent).toHaveBeenCalledWith('hello');
    expect(screen.getByLabelText('Text for the session')).toHaveProperty('value', '');
  });

  it('counts down while it reconnects, and lets the person decide afterwards', () => {
    const desk = new Desk(SESSION);
    const tryNow = vi.fn();
    const fake = (state: object) => {
      desk.connection.value = { state: { value: state }, now: { value: 10_000 }, tryNow } as never;
    };
    fake({ at: 'reconnecting', since: 0, attempt: 1, nextAt: null, refused: 0 });
    const page = render(<ConnectionOverlay desk={desk} broken={false} />);
    expect(screen.getByRole('heading', { name: 'Reconnecting' })).toBeTruthy();
    expect(screen.getByText('Trying for 50 more seconds')).toBeTruthy();
    page.unmount();
    fake({ at: 'stopped', why: 'network', text: 'It did not come back.' });
    render(<ConnectionOverlay desk={desk} broken={false} />);
    expect(screen.getByRole('alert').textContent).toContain('It did not come back.');
    fireEvent.click(screen.getByRole('button', { name: 'Reconnect' }));
    expect(tryNow).toHaveBeenCalledOnce();
  });
});

describe('plugins', () => {
  const version = (number: string, state: string) => ({
    version: number,
    digest: 'sha256:00',
    state,
    size_bytes: 1,
    wit: 'dlp@0.1.0',
    wants: [],
    uploaded_at: 0,
    uploaded_by: 'admin',
    description: '',
  });
  const plugin = {
    name: 'dlp-clipboard',
    kind: 'dlp',
    active: version('0.1.0', 'active'),
    versions: [version('0.2.0', 'ready'), version('0.1.0', 'active')],
    used_by: [],
    verdicts: { allowed: 0, redacted: 0, denied: 0, failed: 0 },
    last_verdicts: [],
  } as Plugin;

  it('activation shows first what it touches', async () => {
    answers['GET /api/v1/plugins/dlp-clipboard/versions/0.2.0/impact'] = {
      status: 200,
      body: {
        rules: [{ id: 'r', name: 'Card numbers redacted', gate: 'copy-out', target: 'group Sales' }],
        groups: ['Sales'],
        open_sessions: 2,
        replaces: '0.1.0',
      },
    };
    const activate = vi.fn();
    render(
      <ActivateDialog
        plugin={plugin}
        version={plugin.versions[0]!}
        busy={false}
        onClose={() => undefined}
        onActivate={activate}
      />,
    );
    const button = screen.getByRole('button', { name: 'Activate', hidden: true });
    expect(button).toHaveProperty('disabled', true);
    expect(await screen.findByText(/2 open sessions/)).toBeTruthy();
    expect(screen.getByText('Copy out')).toBeTruthy();
    await userEvent.click(button);
    expect(activate).toHaveBeenCalledOnce();
  });

  it('an upload that is too large is refused before it is sent', async () => {
    render(<Uploader uploaded={() => undefined} />);
    const file = new File(['x'], 'big.wasm');
    Object.defineProperty(file, 'size', { value: 40 * 1024 ** 2 });
    fireEvent.change(screen.getByLabelText('Plugin file'), { target: { files: [file] } });
    expect((await screen.findByRole('alert')).textContent).toContain('the limit is 32 MiB');
  });
});

describe('Activity', () => {
  const item: ActivityItem = {
    seq: 7,
    id: 'a',
    reference: 'K7Q2',
    at: 0,
    user_name: 'demo',
    groups: ['Sales'],
    client: '192.0.2.17',
    workspace_name: 'Terminal',
    kind: 'verdict',
    gate: 'copy-out',
    item: { name: 'text', media_type: 'text/plain', bytes: 16 },
    outcome: 'redacted',
    message: 'Copy changed: text. Ref K7Q2.',
    rules: [
      {
        rule_name: 'Card numbers redacted',
        plugin: 'dlp-clipboard',
        version: '0.1.0',
        digest: 'sha256:0123456789abcdef',
        check: 'card-number',
        outcome: 'redacted',
        micros: 731,
        config_revision: 3,
      },
    ],
  };

  it('opens to the rules that were asked', async () => {
    render(
      <ul>
        <ActivityRow item={item} open={false} />
      </ul>,
    );
    expect(screen.queryByText('Card numbers redacted')).toBeNull();
    await userEvent.click(screen.getByRole('button'));
    for (const words of ['Card numbers redacted', 'Card number', '731 µs', 'revision 3', '0123456789ab']) {
      expect(screen.getByText(words)).toBeTruthy();
    }
  });

  it('says that a gate without a rule is closed', () => {
    render(
      <ul>
        <ActivityRow item={{ ...item, rules: [] }} open />
      </ul>,
    );
    expect(screen.getByText(/No rule is set for this gate, so it is closed/)).toBeTruthy();
  });
});
