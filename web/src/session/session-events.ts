/** Follows the state of a session until it is ready or over. */
import { ApiError } from '../api/client';
import { api, sessionEventsUrl } from '../api/endpoints';
import { readSse } from '../api/sse';
import type { Session } from '../api/types';
import { sleep } from '../lib/sleep';

const PAUSES_MS = [500, 1_000, 2_000, 4_000];

const settled = (session: Session) =>
  session.state === 'ready' || session.state === 'ended' || session.state === 'failed';

/** Tells every change. Resolves once nothing more is to come; throws when the session can't be seen any more. */
export async function followSession(
  id: string,
  signal: AbortSignal,
  tell: (session: Session) => void,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const done = new AbortController();
    const end = { seen: false };
    try {
      await readSse(sessionEventsUrl(id), AbortSignal.any([signal, done.signal]), ({ event, data }) => {
        if (event !== 'session' || end.seen) return;
        const session = JSON.parse(data) as Session;
        failures = 0;
        tell(session);
        if (settled(session)) {
          end.seen = true;
          done.abort();
        }
      });
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429)
        throw error;
    }
    if (end.seen || isAborted(signal)) return;
    await sleep(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] ?? 4_000, signal);
    failures += 1;
    // A stream that breaks at once must not hide a session that goes on.
    const session = await api.session(id, signal).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) throw error;
      return null;
    });
    if (session) {
      tell(session);
      if (settled(session)) return;
    }
  }
}

// Through a function: the compiler would take the loop's own check for the last word.
const isAborted = (signal: AbortSignal): boolean => signal.aborted;
