import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Transfers } from '../src/session/transfers';

/** A server that takes uploads, and loses connections when told to. */
class FakeServer {
  received = 0;
  size = 0;
  cutAfter: number | null = null;
  deleted = 0;
  denial: object | null = null;

  readonly fetch = vi.fn((url: string, init: RequestInit) => {
    const json = (body: object, status = 200) =>
      Promise.resolve(
        new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } }),
      );
    if (init.method === 'DELETE') {
      this.deleted += 1;
      return Promise.resolve(new Response(null, { status: 204 }));
    }
    if (url.endsWith('files')) return json({ items: [] });
    if (init.method === 'POST') {
      if (this.denial) return json(this.denial, 422);
      this.size = (JSON.parse(init.body as string) as { size: number }).size;
      return json({ id: 'u1', name: 'plan.png', offset: 0 }, 201);
    }
    return json({ state: 'receiving', offset: this.received });
  });

  /** Takes a slice; null: the connection is lost on the way. */
  put(url: string, slice: Blob): { state: string; offset: number; name?: string } | null {
    expect(Number(new URL(url, 'https://x').searchParams.get('offset'))).toBe(this.received);
    if (this.cutAfter !== null) {
      this.received += this.cutAfter;
      this.cutAfter = null;
      return null;
    }
    this.received += slice.size;
    return this.received === this.size
      ? { state: 'done', offset: this.size, name: 'plan (2).png' }
      : { state: 'receiving', offset: this.received };
  }
}

function fakeXhr(server: FakeServer) {
  return class {
    upload = new EventTarget();
    status = 200;
    responseText = '';
    private readonly events = new EventTarget();
    private url = '';
    addEventListener(name: string, handler: () => void) {
      this.events.addEventListener(name, handler);
    }
    open(_: string, url: string) {
      this.url = url;
    }
    setRequestHeader() {}
    getResponseHeader() {
      return null;
    }
    abort() {
      this.events.dispatchEvent(new Event('abort'));
    }
    send(slice: Blob) {
      const answer = server.put(this.url, slice);
      queueMicrotask(() => {
        if (answer === null) {
          this.events.dispatchEvent(new Event('error'));
          return;
        }
        this.responseText = JSON.stringify(answer);
        this.events.dispatchEvent(new Event('load'));
      });
    }
  };
}

const MIB = 1024 * 1024;
const file = (size: number) => new File([new Uint8Array(size)], 'plan.png');

describe('uploads', () => {
  let server: FakeServer;
  let transfers: Transfers;

  beforeEach(() => {
    server = new FakeServer();
    vi.stubGlobal('fetch', server.fetch);
    vi.stubGlobal('XMLHttpRequest', fakeXhr(server));
    transfers = new Transfers(() => Promise.resolve('/session/s/'));
  });
  afterEach(() => {
    transfers.dispose();
    vi.unstubAllGlobals();
  });

  it('go in slices and end with the name that the file got', async () => {
    await transfers.upload([file(20 * MIB)]);
    expect(server.received).toBe(20 * MIB);
    const [done] = transfers.list.value;
    expect(done).toMatchObject({ state: 'done', text: 'In Transfer as plan (2).png.', sent: 20 * MIB });
  });

  it('go on where the connection was lost', async () => {
    server.cutAfter = 3 * MIB;
    await transfers.upload([file(10 * MIB)]);
    expect(server.received).toBe(10 * MIB);
    expect(transfers.list.value[0]?.state).toBe('done');
  });

  it('say which rule denied them and why', async () => {
    server.denial = { code: 'denied', detail: 'Upload blocked: plan.png. Ref K7Q2', rule: 'No pictures' };
    await transfers.upload([file(5)]);
    expect(transfers.list.value[0]).toMatchObject({
      state: 'failed',
      text: 'Upload blocked: plan.png. Ref K7Q2',
      rule: 'No pictures',
    });
  });

  it('are given up on the server too', async () => {
    vi.stubGlobal(
      'XMLHttpRequest',
      class extends fakeXhr(server) {
        override send() {
          const [running] = transfers.list.value;
          if (running) transfers.cancel(running.key);
        }
      },
    );
    await transfers.upload([file(5)]);
    expect(server.deleted).toBe(1);
    expect(transfers.list.value).toEqual([]);
  });
});
