import { describe, expect, it } from 'vitest';
import {
  CLOSE,
  type ConnState,
  initial,
  MAX_REFUSED_TICKETS,
  secondsLeft,
  step,
  WINDOW_MS,
} from '../src/session/reconnect';

const connected: ConnState = { at: 'connected', since: 0, attempt: 0 };
const close = (code: number, now: number, reason = '') => ({ type: 'closed', code, reason, now }) as const;

/** Loses the connection and plays every try until the machine gives up; tells when tries were made. */
function tryUntilStopped(code: number): { tries: number[]; state: ConnState } {
  let state = step(connected, close(code, 100_000));
  const tries: number[] = [];
  for (let now = 100_000; now < 300_000 && state.at === 'reconnecting'; now += 250) {
    state = step(state, { type: 'tick', now });
    if (state.at === 'reconnecting' && state.nextAt === null) {
      tries.push(now - 100_000);
      state = step(state, close(code, now));
    }
  }
  return { tries, state };
}

describe('a lost connection', () => {
  it('is tried again at once and then with growing pauses, for a minute', () => {
    const { tries, state } = tryUntilStopped(1006);
    expect(tries[0]).toBe(0);
    expect(tries.length).toBeGreaterThan(8);
    expect(Math.max(...tries)).toBeLessThanOrEqual(WINDOW_MS);
    const pauses = tries.slice(1).map((at, index) => at - tries[index]!);
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(state).toMatchObject({ at: 'stopped', why: 'network' });
  });

  it.each([1001, 1006, 1011, 1012])('close code %i keeps the session', (code) => {
    expect(step(connected, close(code, 10_000)).at).toBe('reconnecting');
  });

  it('gives up while a try hangs, once the minute is over', () => {
    let state = step(connected, close(1006, 10_000));
    state = step(state, { type: 'tick', now: 10_000 });
    expect(state).toMatchObject({ nextAt: null });
    expect(step(state, { type: 'tick', now: 10_000 + WINDOW_MS }).at).toBe('reconnecting');
    expect(step(state, { type: 'tick', now: 10_001 + WINDOW_MS }).at).toBe('stopped');
  });

  it('counts down from sixty', () => {
    const state = step(connected, close(1006, 10_000));
    expect(secondsLeft(state, 10_000)).toBe(60);
    expect(secondsLeft(state, 69_500)).toBe(1);
    expect(secondsLeft(connected, 0)).toBe(0);
  });

  it('starts a new minute after a connection that held', () => {
    let state = step(connected, close(1006, 10_000));
    state = step(state, { type: 'opened', now: 12_000 });
    state = step(state, close(1006, 90_000));
    expect(state).toMatchObject({ at: 'reconnecting', since: 90_000, nextAt: 90_000 });
  });

  it('waits longer after each connection that breaks at once', () => {
    let state: ConnState = step(connected, close(1006, 10_000));
    for (const now of [11_000, 12_000, 13_000]) {
      state = step(state, { type: 'opened', now });
      state = step(state, close(1006, now + 10));
    }
    expect(state).toMatchObject({ at: 'reconnecting' });
    expect((state as { nextAt: number }).nextAt - 13_010).toBeGreaterThanOrEqual(1_000);
  });

  it('is tried at once when the network is back', () => {
    let state = step(connected, close(1006, 10_000));
    for (let i = 0; i < 4; i += 1) {
      state = step(state, { type: 'tick', now: 30_000 });
      state = step(state, close(1006, 30_000));
    }
    state = step(state, { type: 'try-now', now: 30_100 });
    expect(state).toMatchObject({ nextAt: 30_100 });
  });
});

describe('close codes', () => {
  it.each([CLOSE.normal, CLOSE.ended])('%i ends the session with the words of the server', (code) => {
    expect(step(connected, close(code, 1, 'You ended this session.'))).toMatchObject({
      at: 'ended',
      text: 'You ended this session.',
    });
  });

  it('a desktop that can’t be inspected ends the session', () => {
    expect(step(connected, close(CLOSE.desktopViolation, 1))).toMatchObject({
      at: 'ended',
      code: 'desktop-violation',
    });
  });

  it('a violation of ours stops without a loop', () => {
    expect(step(connected, close(CLOSE.clientViolation, 1))).toMatchObject({
      at: 'stopped',
      why: 'violation',
    });
  });

  it('a session that is taken over stays away until the person asks', () => {
    const taken = step(connected, close(CLOSE.takenOver, 1));
    expect(taken.at).toBe('taken-over');
    expect(step(taken, close(1006, 2))).toBe(taken);
    expect(step(taken, { type: 'tick', now: 99_999 })).toBe(taken);
    expect(step(taken, { type: 'try-now', now: 3 }).at).toBe('reconnecting');
  });

  it('a pause is an end that can be undone elsewhere, and says so', () => {
    const paused = step(connected, { type: 'closed', code: CLOSE.paused, reason: '', now: 1 });
    expect(paused).toEqual({ at: 'ended', code: 'paused', text: 'This session is paused.' });
    expect(step(paused, close(1006, 2))).toBe(paused);
  });

  it('an expired ticket is replaced, but not for ever', () => {
    let state = step(connected, close(CLOSE.ticketInvalid, 10_000));
    for (let i = 1; i < MAX_REFUSED_TICKETS; i += 1) {
      expect(state.at).toBe('reconnecting');
      state = step(state, { type: 'tick', now: 10_000 + i * 6_000 });
      state = step(state, close(CLOSE.ticketInvalid, 10_000 + i * 6_000));
    }
    expect(state).toMatchObject({ at: 'stopped', why: 'refused' });
  });
});

describe('before and after', () => {
  it('a first connection that fails is tried again too', () => {
    expect(step(initial, close(1006, 5)).at).toBe('reconnecting');
    expect(step(initial, { type: 'refused', final: false, text: '', now: 5 }).at).toBe('reconnecting');
    expect(step(initial, { type: 'refused', final: true, text: 'No.', now: 5 })).toMatchObject({
      at: 'stopped',
      text: 'No.',
    });
  });

  it('an ended session stays ended', () => {
    const ended = step(connected, { type: 'ended', code: 'user', text: 'You ended this session.' });
    for (const event of [
      { type: 'opened', now: 1 },
      close(1006, 1),
      { type: 'try-now', now: 1 },
      { type: 'ended', code: 'x', text: 'other' },
    ] as const) {
      expect(step(ended, event)).toBe(ended);
    }
  });
});
