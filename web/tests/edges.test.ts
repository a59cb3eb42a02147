import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Measured,
  choose,
  distance,
  edgeOffer,
  stay,
  unwatchEdges,
  watchEdges,
} from '../src/state/edges';

const edge = (zone: string, ms: number | null, here = false): Measured => ({
  zone,
  origin: `https://${zone}.example.org`,
  ms,
  here,
});

describe('the edge that is offered', () => {
  it.each([
    ['no other', [edge('a', 50, true)], null],
    ['nothing was measured', [], null],
    ['another is no quicker', [edge('a', 20, true), edge('b', 20)], null],
    ['another saves too little to be felt', [edge('a', 20, true), edge('b', 8)], null],
    ['another saves too little of a long way', [edge('a', 300, true), edge('b', 280)], null],
    ['another is nearer', [edge('a', 90, true), edge('b', 40), edge('c', 20), edge('d', null)], 'nearer c'],
    ['this one is gone', [edge('a', null, true), edge('b', 200), edge('c', 90)], 'gone c'],
    ['all are gone', [edge('a', null, true), edge('b', null)], null],
  ] as const)('%s', (_, edges, offered) => {
    const offer = choose([...edges]);
    expect(offer && `${offer.why} ${offer.edge.zone}`).toBe(offered);
  });
});

describe('what is measured', () => {
  let down: Set<string>;
  let asked: { url: string; init: RequestInit | undefined }[];

  beforeEach(() => {
    down = new Set();
    asked = [];
    sessionStorage.clear();
    vi.stubGlobal('fetch', (input: string, init?: RequestInit) => {
      const url = new URL(input, location.href);
      asked.push({ url: url.href, init });
      if (url.pathname === '/api/v1/edges') {
        return Promise.resolve(
          Response.json({ items: [{ zone: 'south', origin: 'https://south.example.org' }] }),
        );
      }
      if (url.pathname === '/api/v1/handover') {
        return Promise.resolve(Response.json({ code: 'c', lifetime_secs: 300 }));
      }
      if (down.has(url.origin)) return Promise.reject(new TypeError('failed to fetch'));
      if (down.has(url.origin + url.pathname)) return Promise.resolve(new Response('', { status: 503 }));
      return Promise.resolve(new Response('alive\n'));
    });
  });

  afterEach(() => {
    unwatchEdges();
    vi.unstubAllGlobals();
  });

  it('is the quickest answer of an edge that can serve people, without a login', async () => {
    expect(await distance('https://south.example.org')).toBeGreaterThanOrEqual(0);
    expect(asked.every(({ init }) => init?.credentials === 'omit')).toBe(true);
    down.add('https://south.example.org/readyz');
    expect(await distance('https://south.example.org')).toBeNull();
    down.add('https://south.example.org');
    expect(await distance('https://south.example.org')).toBeNull();
  });

  it('offers another edge once this one is gone, and holds a code by then', async () => {
    await watchEdges();
    expect(edgeOffer.value).toBeNull();
    expect(asked.filter(({ url }) => url.endsWith('/api/v1/handover'))).toHaveLength(1);
    down.add(location.origin);
    await watchEdges();
    expect(edgeOffer.value?.why).toBe('gone');
    // Staying is about a nearer one: nobody wants to stay at an edge that is gone.
    stay();
    expect(edgeOffer.value?.why).toBe('gone');
  });
});
