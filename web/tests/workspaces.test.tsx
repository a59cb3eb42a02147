import { render, screen, waitFor, within } from '@testing-library/preact';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ImageCheck, Me, WorkspaceSettings } from '../src/api/types';
import { App } from '../src/app';
import { ImageCheckView } from '../src/pages/workspaces/image-check';
import { NodeImages } from '../src/pages/workspaces/node-images';
import { fieldsOf, wishOf } from '../src/pages/workspaces/workspace-form';
import { go, place } from '../src/router';
import { meState } from '../src/state/me';

type Answer = { status: number; body?: unknown };
let answers: Record<string, Answer>;
let calls: { key: string; body: unknown }[];

const ME: Me = {
  user: { id: 'u', name: 'admin', role: 'admin' },
  groups: [],
  permissions: ['workspaces.manage'],
  csrf_token: 't',
  version: '0.1.0',
};
const WRITER: WorkspaceSettings = {
  id: 'w',
  name: 'Writer',
  description: 'A text editor.',
  icon: 'desktop',
  image: 'registry.example.org/writer:1',
  cpu_millicores: 1500,
  memory_bytes: 1024 ** 3,
  pids: 256,
  shm_bytes: 64 * 1024 ** 2,
  network: 'none',
  enabled: true,
  keep_home: false,
  devices: ['nvidia.com/gpu=all', 'vendor.example/probe=one'],
  example: false,
  nodes: [
    { id: 'n1', name: 'rack-1', alive: true, has_image: true },
    { id: 'n2', name: 'rack-2', alive: true, has_image: false },
    { id: 'n3', name: 'rack-3', alive: false, has_image: true },
  ],
};

beforeEach(() => {
  calls = [];
  answers = {
    'GET /api/v1/workspaces/w': { status: 200, body: WRITER },
    'GET /api/v1/workspaces/w/nodes': { status: 200, body: { items: [] } },
    'GET /api/v1/workspaces/w/check': { status: 200, body: {} },
  };
  vi.stubGlobal(
    'fetch',
    vi.fn((url: string, init: RequestInit) => {
      const key = `${init.method ?? 'GET'} ${url}`;
      calls.push({ key, body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined });
      const { status, body } = answers[key] ?? { status: 404, body: {} };
      return Promise.resolve(
        new Response(status === 204 || body === undefined ? null : JSON.stringify(body), { status }),
      );
    }),
  );
  meState.value = { at: 'known', me: ME };
});

const called = (key: string) => calls.find((call) => call.key === key);

describe('the list of workspaces', () => {
  it('says on how many living nodes each image is', async () => {
    answers['GET /api/v1/workspaces/settings'] = {
      status: 200,
      body: { items: [WRITER, { ...WRITER, id: 'x', name: 'Lost', enabled: false, nodes: [] }] },
    };
    go('/workspaces');
    render(<App />);
    const link = await screen.findByRole('link', { name: 'Writer' });
    expect(link.getAttribute('href')).toBe('/workspaces/w');
    expect(screen.getByText('On 1 of 2 nodes')).toBeTruthy();
    expect(screen.getByText('On no node')).toBeTruthy();
    expect(screen.getByText('Switched off')).toBeTruthy();
  });

  it('is not there for who may not', () => {
    meState.value = { at: 'known', me: { ...ME, permissions: [] } };
    go('/workspaces');
    render(<App />);
    expect(screen.getByRole('heading', { level: 1 }).textContent).toContain('no such page');
    expect(screen.queryByRole('link', { name: 'Workspaces' })).toBeNull();
  });
});

describe('a workspace', () => {
  it('is made from what is filled in', async () => {
    answers['POST /api/v1/workspaces'] = { status: 201, body: WRITER };
    go('/workspaces/new');
    render(<App />);
    await userEvent.type(screen.getByLabelText('Name'), 'Writer');
    await userEvent.type(screen.getByLabelText('Image'), ' registry.example.org/writer:1 ');
    await userEvent.clear(screen.getByLabelText('Cores'));
    await userEvent.type(screen.getByLabelText('Cores'), '1,5');
    await userEvent.type(screen.getByLabelText('Devices'), ' nvidia.com/gpu=all,vendor.example/probe=one ');
    await userEvent.click(screen.getByRole('button', { name: 'Create workspace' }));
    await waitFor(() => expect(place.value.path).toBe('/workspaces/w'));
    expect(called('POST /api/v1/workspaces')?.body).toMatchObject({
      name: 'Writer',
      image: 'registry.example.org/writer:1',
      cpu_millicores: 1500,
      memory_bytes: 1024 ** 3,
      network: 'none',
      devices: ['nvidia.com/gpu=all', 'vendor.example/probe=one'],
      enabled: true,
    });
  });

  it('shows what the server says of each field, and goes to the first', async () => {
    answers['POST /api/v1/workspaces'] = {
      status: 422,
      body: {
        code: 'invalid-fields',
        detail: 'Some fields have to be mended.',
        fields: [
          { name: 'image', detail: 'Say which one by a tag.' },
          { name: 'devices', detail: '“/dev/dri” is no device.' },
          { name: 'pids', detail: 'Allow between 64 and 32768 processes.' },
        ],
      },
    };
    go('/workspaces/new');
    render(<App />);
    await userEvent.click(screen.getByRole('button', { name: 'Create workspace' }));
    expect(await screen.findByText('Say which one by a tag.')).toBeTruthy();
    const image = screen.getByLabelText('Image');
    expect(image.getAttribute('aria-invalid')).toBe('true');
    await waitFor(() => expect(document.activeElement).toBe(image));
    expect(screen.getByLabelText('Processes').getAttribute('aria-invalid')).toBe('true');
    expect(screen.getByLabelText('Devices').getAttribute('aria-invalid')).toBe('true');
    expect(screen.getByText('“/dev/dri” is no device.')).toBeTruthy();
    expect(screen.getByLabelText('Name').getAttribute('aria-invalid')).toBeNull();
  });

  it('comes back unchanged from its fields', () => {
    const wish = wishOf(fieldsOf(WRITER));
    expect({ ...WRITER, ...wish }).toEqual(WRITER);
    expect(Object.keys(wish)).toHaveLength(12);
    expect(wishOf({ ...fieldsOf(WRITER), memory: 'much', processes: '-3' })).toMatchObject({
      memory_bytes: 0,
      pids: 0,
    });
  });

  it('is deleted with its sessions only when that was said', async () => {
    answers['DELETE /api/v1/workspaces/w'] = {
      status: 409,
      body: { code: 'in-use', detail: 'One session of it is open.' },
    };
    answers['DELETE /api/v1/workspaces/w?end_sessions=true'] = { status: 204 };
    answers['GET /api/v1/workspaces/settings'] = { status: 200, body: { items: [] } };
    go('/workspaces/w');
    render(<App />);
    await userEvent.click(await screen.findByRole('button', { name: 'Delete' }));
    const dialog = screen.getByRole('dialog', { hidden: true });
    await userEvent.click(within(dialog).getByRole('button', { name: 'Delete', hidden: true }));
    const end = await within(dialog).findByRole('button', { name: 'End sessions and delete', hidden: true });
    expect(called('DELETE /api/v1/workspaces/w?end_sessions=true')).toBeUndefined();
    await userEvent.click(end);
    await waitFor(() => expect(place.value.path).toBe('/workspaces'));
  });
});

describe('the image of a workspace', () => {
  const node = (state: string, more: object = {}) => ({ id: 'n1', name: 'rack-1', state, ...more });
  const show = (...items: object[]) => {
    answers['GET /api/v1/workspaces/w/nodes'] = { status: 200, body: { items } };
    const check = vi.fn();
    render(<NodeImages workspace="w" image="i" checking={false} check={check} />);
    return check;
  };

  it('is pulled to a node, which shows how far it is', async () => {
    answers['POST /api/v1/workspaces/w/nodes/n1/pull'] = { status: 202 };
    show(node('absent'));
    const button = await screen.findByRole('button', { name: 'Pull to rack-1' });
    answers['GET /api/v1/workspaces/w/nodes'] = {
      status: 200,
      body: { items: [node('pulling', { step: 'Downloading', done_bytes: 1048576, total_bytes: 4194304 })] },
    };
    await userEvent.click(button);
    const bar = await screen.findByRole('progressbar', { name: 'Pull to rack-1' });
    expect([bar.getAttribute('value'), bar.getAttribute('max')]).toEqual(['1048576', '4194304']);
    expect(screen.getByText(/1 MiB of 4 MiB/)).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Cancel the pull to rack-1' })).toBeTruthy();
  });

  it('says why a pull failed, and why nothing is known', async () => {
    show(node('failed', { why: 'manifest unknown' }), {
      ...node('unknown', { why: 'agent is unavailable' }),
      id: 'n2',
      name: 'rack-2',
    });
    expect(await screen.findByText('manifest unknown')).toBeTruthy();
    expect(screen.getByText('agent is unavailable')).toBeTruthy();
    expect(screen.getAllByRole('button')).toHaveLength(1);
  });

  it('is checked where it is', async () => {
    const check = show(node('present', { size_bytes: 35651584, image_id: 'sha256:0123456789abcdef' }));
    await userEvent.click(await screen.findByRole('button', { name: 'Check image on rack-1' }));
    expect(check).toHaveBeenCalledOnce();
    expect(screen.getByText('0123456789ab')).toBeTruthy();
  });

  it('shows each step of a check, with what mends the one that failed', () => {
    const check: ImageCheck = {
      node_id: 'n1',
      node_name: 'rack-1',
      started_at: 0,
      finished_at: 1,
      passed: false,
      steps: [
        { step: 'image', label: 'The image is on the node', state: 'passed' },
        {
          step: 'password',
          label: 'Its desktop takes the session’s password',
          state: 'failed',
          why: 'its desktop takes any password',
          advice: 'Offer VncAuth.',
        },
        { step: 'stop', label: 'It ends', state: 'skipped' },
      ],
    };
    render(<ImageCheckView check={check} />);
    const steps = within(screen.getByRole('list', { name: 'Steps of the check' })).getAllByRole('listitem');
    expect(steps.map((step) => step.className)).toEqual(['passed', 'failed', 'skipped']);
    expect(steps[1]?.textContent).toContain('its desktop takes any password');
    expect(steps[1]?.textContent).toContain('Offer VncAuth.');
    expect(screen.getByText('Fails')).toBeTruthy();
  });
});
