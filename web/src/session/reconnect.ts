/**
 * How a session's connection lives: connect, lose it, try again for a minute, end. A pure state machine: the driver in
 * `connection.ts` owns the sockets and timers.
 */

/** How long the page tries by itself after a connection was lost, in milliseconds. */
export const WINDOW_MS = 60_000;
/** A connection that lived shorter than this came to nothing: the pauses go on growing, ms. */
export const STABLE_MS = 5_000;
/** Refused tickets in a row after which the page stops asking for new ones. */
export const MAX_REFUSED_TICKETS = 3;

const PAUSES_MS = [0, 500, 1_000, 2_000, 3_000, 5_000];

/** The close codes of the session's WebSocket. */
export const CLOSE = {
  normal: 1000,
  ticketInvalid: 4001,
  ended: 4002,
  clientViolation: 4003,
  desktopViolation: 4004,
  takenOver: 4005,
  paused: 4006,
} as const;

export type ConnState =
  /** The first connection, nothing shown yet. */
  | { at: 'connecting'; refused: number }
  | { at: 'connected'; since: number; attempt: number }
  /** Lost; the last picture stays up. `nextAt` is null while a try is under way. */
  | { at: 'reconnecting'; since: number; attempt: number; nextAt: number | null; refused: number }
  /** A minute of tries led nowhere, or the server keeps refusing; the person decides. */
  | { at: 'stopped'; why: 'network' | 'refused' | 'violation'; text: string }
  | { at: 'taken-over' }
  /** The session is over. */
  | { at: 'ended'; code: string; text: string };

export type ConnEvent =
  | { type: 'opened'; now: number }
  | { type: 'closed'; code: number; reason: string; now: number }
  /** The network is known to be gone or different: don't wait for the socket to find out. */
  | { type: 'lost'; now: number }
  /** The session's own record says it is over. */
  | { type: 'ended'; code: string; text: string }
  /** Getting in failed before a socket was opened; `final` when another try can't help. */
  | { type: 'refused'; final: boolean; text: string; now: number }
  /** The network came back, or the person pressed the button. */
  | { type: 'try-now'; now: number }
  | { type: 'tick'; now: number };

export const initial: ConnState = { at: 'connecting', refused: 0 };

/** When the last try of a lost connection may start. */
export const deadline = (state: { since: number }): number => state.since + WINDOW_MS;

function lost(state: ConnState, now: number, refused: number): ConnState {
  const flapped = state.at === 'connected' && now - state.since < STABLE_MS;
  const before = state.at === 'reconnecting' ? state : { since: now, attempt: flapped ? state.attempt : 0 };
  const pause = PAUSES_MS[Math.min(before.attempt, PAUSES_MS.length - 1)] ?? 5_000;
  const nextAt = now + pause;
  if (nextAt > before.since + WINDOW_MS) {
    return { at: 'stopped', why: 'network', text: 'The connection did not come back within a minute.' };
  }
  return { at: 'reconnecting', since: before.since, attempt: before.attempt + 1, nextAt, refused };
}

function closed(state: ConnState, code: number, reason: string, now: number): ConnState {
  const refused = state.at === 'connecting' || state.at === 'reconnecting' ? state.refused : 0;
  switch (code) {
    case CLOSE.normal:
    case CLOSE.ended:
      return { at: 'ended', code: 'closed', text: reason === '' ? 'This session has ended.' : reason };
    case CLOSE.paused:
      return { at: 'ended', code: 'paused', text: reason === '' ? 'This session is paused.' : reason };
    case CLOSE.desktopViolation:
      return {
        at: 'ended',
        code: 'desktop-violation',
        text:
          reason === ''
            ? 'The desktop sent something that can’t be inspected, so the session was ended.'
            : reason,
      };
    case CLOSE.clientViolation:
      return {
        at: 'stopped',
        why: 'violation',
        text: reason === '' ? 'This browser sent something that is not allowed in a session.' : reason,
      };
    case CLOSE.takenOver:
      return { at: 'taken-over' };
    case CLOSE.ticketInvalid:
      if (refused + 1 >= MAX_REFUSED_TICKETS) {
        return { at: 'stopped', why: 'refused', text: 'The session keeps refusing this browser.' };
      }
      return lost(state, now, refused + 1);
    default:
      return lost(state, now, refused);
  }
}

/** The next state. Final states stay as they are. */
export function step(state: ConnState, event: ConnEvent): ConnState {
  if (state.at === 'ended') return state;
  if (event.type === 'ended') return { at: 'ended', code: event.code, text: event.text };
  switch (event.type) {
    case 'opened':
      return {
        at: 'connected',
        since: event.now,
        attempt: state.at === 'reconnecting' ? state.attempt : 0,
      };
    case 'closed':
      return state.at === 'stopped' || state.at === 'taken-over'
        ? state
        : closed(state, event.code, event.reason, event.now);
    case 'lost':
      return state.at === 'connected' ? lost(state, event.now, 0) : state;
    case 'refused':
      if (state.at === 'stopped' || state.at === 'taken-over') return state;
      return event.final
        ? { at: 'stopped', why: 'refused', text: event.text }
        : lost(state, event.now, state.at === 'connected' ? 0 : state.refused);
    case 'try-now':
      if (state.at === 'reconnecting') {
        return state.nextAt === null ? state : { ...state, nextAt: event.now };
      }
      if (state.at === 'stopped' || state.at === 'taken-over') {
        return { at: 'reconnecting', since: event.now, attempt: 0, nextAt: event.now, refused: 0 };
      }
      return state;
    case 'tick':
      if (state.at !== 'reconnecting') return state;
      if (event.now > deadline(state)) {
        return { at: 'stopped', why: 'network', text: 'The connection did not come back within a minute.' };
      }
      return state.nextAt !== null && event.now >= state.nextAt ? { ...state, nextAt: null } : state;
  }
}

/** Whole seconds left of the minute, for the countdown. */
export function secondsLeft(state: ConnState, now: number): number {
  if (state.at !== 'reconnecting') return 0;
  return Math.max(0, Math.ceil((deadline(state) - now) / 1000));
}
