/**
 * The edges that this person can come in by: how far each is, which one to offer, and how to get there without logging in
 * again. A deployment with one edge asks once and is left alone.
 */
import { computed, signal } from '@preact/signals';
import { onUnreachable } from '../api/client';
import { api } from '../api/endpoints';
import type { Edge } from '../api/types';

/** How often distances are measured while the page is in front, ms. */
const MEASURE_EVERY_MS = 60_000;
/** An edge that takes longer to say that it serves people does not, ms. */
const ANSWER_MS = 4_000;
/** Requests to one edge in a row: the first opens the connection, the quickest of the others counts. */
const PROBES = 4;
/** Another edge is offered where it saves at least this, ms ... */
const SAVES_MS = 15;
/** ... and this part of the way. */
const SAVES_PART = 1 / 3;
/** Codes are good for five minutes; this long before the end of one comes the next, ms. */
const CODE_EARLY_MS = 60_000;
/** Between two looks that a lost request asks for, ms. */
const LOOK_AGAIN_MS = 3_000;
const STAY = 'gatewright-stay-at-edge';

/** How an edge stands. `ms` is null where it does not answer, or can't serve people now. */
export interface Measured extends Edge {
  here: boolean;
  ms: number | null;
}

export interface EdgeOffer {
  why: 'nearer' | 'gone';
  edge: Measured;
  /** How far this one is; null where it does not answer. */
  hereMs: number | null;
}

const measured = signal<Measured[]>([]);
const staying = signal(false);

/** Which edge to offer, of those that were measured together. */
export function choose(edges: Measured[]): EdgeOffer | null {
  const here = edges.find((edge) => edge.here);
  let best: (Measured & { ms: number }) | null = null;
  for (const edge of edges) {
    if (edge.here || edge.ms === null) continue;
    if (best === null || edge.ms < best.ms) best = { ...edge, ms: edge.ms };
  }
  if (!here || best === null) return null;
  if (here.ms === null) return { why: 'gone', edge: best, hereMs: null };
  const saved = here.ms - best.ms;
  const nearer = saved >= SAVES_MS && saved >= here.ms * SAVES_PART;
  return nearer ? { why: 'nearer', edge: best, hereMs: here.ms } : null;
}

/** The edge to offer now; null where this one is the right one. */
export const edgeOffer = computed(() => {
  const offer = choose(measured.value);
  return offer?.why === 'nearer' && staying.value ? null : offer;
});

/** The person stays at this edge until they close the tab. */
export function stay(): void {
  staying.value = true;
  try {
    sessionStorage.setItem(STAY, '1');
  } catch {
    // Asked again after the next reload.
  }
}

/** The name of an edge as it is offered. */
export const edgeName = (edge: Edge): string => `${edge.zone} (${edge.origin.replace(/^https:\/\//, '')})`;

async function ask(url: string): Promise<number | null> {
  const began = performance.now();
  try {
    const response = await fetch(url, {
      cache: 'no-store',
      credentials: 'omit',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    await response.text();
    return response.ok ? performance.now() - began : null;
  } catch {
    return null;
  }
}

/** The quickest way to an edge and back, ms; null where it can't serve people now. */
export async function distance(origin: string): Promise<number | null> {
  if ((await ask(`${origin}/readyz`)) === null) return null;
  let best: number | null = null;
  for (let probe = 0; probe < PROBES; probe += 1) {
    const took = await ask(`${origin}/healthz`);
    // The first one may have opened a connection.
    if (took !== null && probe > 0 && (best === null || took < best)) best = took;
  }
  return best;
}

let known: Edge[] = [];
let code: { text: string; until: number } | null = null;
let looking: Promise<void> | null = null;
let lookedAt = 0;
let timer = 0;

/** Measures all edges, one look at a time. */
async function look(): Promise<void> {
  if (known.length === 0) return;
  looking ??= (async () => {
    lookedAt = Date.now();
    const all = [
      { zone: '', origin: location.origin, here: true },
      ...known.map((edge) => ({ ...edge, here: false })),
    ];
    measured.value = await Promise.all(
      all.map(async (edge) => ({ ...edge, ms: await distance(edge.origin) })),
    );
  })().finally(() => {
    looking = null;
  });
  await looking;
}

/** A code for the way to another edge: fetched while this edge still answers. */
async function keepCode(): Promise<void> {
  if (code !== null && Date.now() < code.until - CODE_EARLY_MS) return;
  try {
    const made = await api.handOver();
    code = { text: made.code, until: Date.now() + made.lifetime_secs * 1000 };
  } catch {
    // Without one the person logs in over there.
  }
}

const round = () => {
  if (known.length === 0) return;
  // A session in a background tab may need it as well.
  if (!document.hidden || location.pathname.startsWith('/sessions/')) void keepCode();
  if (!document.hidden) void look();
};

/** Begins to watch the edges for a person who is logged in. */
export async function watchEdges(): Promise<void> {
  unwatchEdges();
  try {
    staying.value = sessionStorage.getItem(STAY) !== null;
  } catch {
    staying.value = false;
  }
  try {
    known = (await api.edges()).filter((edge) => edge.origin !== location.origin);
  } catch {
    // The page works without; the next load asks again.
    return;
  }
  if (known.length === 0) return;
  timer = window.setInterval(round, MEASURE_EVERY_MS);
  await Promise.all([keepCode(), look()]);
}

export function unwatchEdges(): void {
  window.clearInterval(timer);
  known = [];
  code = null;
  measured.value = [];
}

onUnreachable(() => {
  if (Date.now() - lookedAt > LOOK_AGAIN_MS) void look();
});

/** Goes on at another edge, at the same page. */
export async function goOnAt(edge: Edge, alive: boolean): Promise<void> {
  // A code of its own, where this edge still gives one: the one that is kept may have been used in another tab.
  if (alive) {
    code = null;
    await keepCode();
  }
  const next = location.pathname + location.search;
  if (code === null) {
    location.assign(edge.origin + next);
    return;
  }
  // The other edge takes the code only from a page of an edge, so it has to be told which one this is.
  const policy = document.createElement('meta');
  policy.name = 'referrer';
  policy.content = 'strict-origin';
  document.head.append(policy);
  const form = document.createElement('form');
  form.method = 'post';
  form.action = `${edge.origin}/api/v1/handover/enter`;
  for (const [name, value] of [
    ['code', code.text],
    ['next', next],
  ] as const) {
    const field = document.createElement('input');
    field.type = 'hidden';
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  code = null;
  form.submit();
}
