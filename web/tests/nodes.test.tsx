import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Me, Node } from '../src/api/types';
import { App } from '../src/app';
import { go } from '../src/router';
import { meState } from '../src/state/me';

const ME: Me = {
  user: { id: 'u', name: 'admin', role: 'admin' },
  groups: [],
  permissions: ['nodes.manage'],
  csrf_token: 't',
  version: '0.1.0',
};

const AGENT: Node = {
  id: 'n1',
  name: 'rack 7',
  roles: ['agent'],
  zone: 'south',
  state: 'degraded',
  degraded: 'its engine does not answer',
  own: false,
  seen_at: 1_000_000,
  engine: 'docker 20.10.24',
  runtime: 'runtime-docker',
  devices: ['nvidia.com/gpu=all', 'vendor.example/probe=one'],
  capacity: {
    sessions: 8,
    sessions_used: 2,
    cpu_millicores: 16_000,
    cpu_millicores_used: 1500,
    memory_bytes: 8 << 20,
    memory_bytes_used: 1 << 20,
  },
};
const FRONT: Node = {
  id: 'n2',
  name: 'front',
  roles: ['web-app'],
  zone: 'default',
  state: 'ready',
  own: true,
  devices: [],
};
const GONE: Node = { ...AGENT, id: 'n3', name: 'rack 1', state: 'removed', removed_at: 5_000_000 };

let answers: Record<string, { status: number; body?: unknown }>;
let sent: { key: string; body: unknown }[];

beforeEach(() => {
  sent = [];
  answers = { 'GET /api/v1/nodes': { status: 200, body: { items: [AGENT, FRONT, GONE] } } };
  vi.stubGlobal(
    'fetch',
    vi.fn((url: string, init: RequestInit) => {
      const key = `${init.method ?? 'GET'} ${url}`;
      sent.push({ key, body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined });
      const { status, body } = answers[key] ?? { status: 404, body: {} };
      return Promise.resolve(new Response(status === 204 ? null : JSON.stringify(body), { status }));
    }),
  );
  meState.value = { at: 'known', me: ME };
  go('/nodes');
});

const row = async (name: string) => {
  const heading = await screen.findByRole('heading', { level: 2, name: new RegExp(name) });
  return within(heading.closest('li') as HTMLElement);
};

describe('nodes', () => {
  it('says what each does, how it stands and what is used of it', async () => {
    render(<App />);
    const agent = await row('rack 7');
    expect(agent.getByText('Degraded')).toBeTruthy();
    expect(agent.getByText('Takes no sessions: its engine does not answer.')).toBeTruthy();
    expect(agent.getByText('Zone south · docker 20.10.24 · through runtime-docker')).toBeTruthy();
    expect(agent.getByText('Devices: nvidia.com/gpu=all, vendor.example/probe=one')).toBeTruthy();
    expect((await row('front')).queryByText(/Devices/)).toBeNull();
    expect(agent.getByText('2 of 8')).toBeTruthy();
    expect(agent.getByText('1.5 of 16')).toBeTruthy();
    expect(agent.getByText('1 MiB of 8 MiB')).toBeTruthy();
  });

  it('offers to remove neither the one that answers nor one that is removed', async () => {
    render(<App />);
    expect((await row('rack 7')).getByRole('button', { name: 'Remove rack 7' })).toBeTruthy();
    expect((await row('front')).queryByRole('button')).toBeNull();
    expect((await row('rack 1')).queryByRole('button')).toBeNull();
  });

  it('shows the join command once', async () => {
    const commands = 'gatewright join --web-app 192.0.2.1:7443 --token T\ngatewright serve';
    answers['POST /api/v1/nodes'] = { status: 201, body: { commands } };
    render(<App />);
    await userEvent.click(await screen.findByRole('button', { name: 'Add node' }));
    const dialog = within(await screen.findByRole('dialog'));
    await userEvent.click(dialog.getByLabelText(/^Edge/));
    await userEvent.clear(dialog.getByLabelText('Zone'));
    await userEvent.type(dialog.getByLabelText('Zone'), 'south');
    await userEvent.click(dialog.getByRole('button', { name: 'Make the join command' }));
    expect((await screen.findByText(/gatewright join/)).textContent).toBe(commands);
    expect(sent.find(({ key }) => key === 'POST /api/v1/nodes')?.body).toEqual({
      roles: ['agent', 'dedicated-proxy'],
      zone: 'south',
      hours: 24,
    });
    await userEvent.click(screen.getByRole('button', { name: 'Done' }));
    expect(screen.queryByText(/gatewright join/)).toBeNull();
  });

  it('says at the field what has to be mended', async () => {
    answers['POST /api/v1/nodes'] = {
      status: 422,
      body: {
        code: 'invalid-fields',
        fields: [{ name: 'zone', detail: 'Give a name of up to 64 letters.' }],
      },
    };
    render(<App />);
    await userEvent.click(await screen.findByRole('button', { name: 'Add node' }));
    await userEvent.click(await screen.findByRole('button', { name: 'Make the join command' }));
    expect(await screen.findByText('Give a name of up to 64 letters.')).toBeTruthy();
    expect(screen.getByLabelText('Zone').getAttribute('aria-invalid')).toBe('true');
  });

  it('says what removing means, and does it', async () => {
    answers['DELETE /api/v1/nodes/n1'] = { status: 204 };
    render(<App />);
    await userEvent.click(await screen.findByRole('button', { name: 'Remove rack 7' }));
    expect(screen.getByText('2 sessions end')).toBeTruthy();
    answers['GET /api/v1/nodes'] = { status: 200, body: { items: [FRONT] } };
    await userEvent.click(await screen.findByRole('button', { name: 'Remove for good' }));
    await waitFor(() => expect(screen.queryByText(/rack 7/)).toBeNull());
    expect(sent.some(({ key }) => key === 'DELETE /api/v1/nodes/n1')).toBe(true);
  });
});
