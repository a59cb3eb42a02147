/** Keeps a session's notice stream open as long as its page is. */
import { ApiError } from '../api/client';
import { readSse } from '../api/sse';
import { sleep } from '../lib/sleep';
import type { Notice } from '../api/types';
import { parseNotice } from './notices';

const PAUSES_MS = [500, 1_000, 2_000, 5_000, 10_000];

/** Ends of one connection that leave the session running. */
const PASSING_ENDS = new Set([
  'closed',
  'restarting',
  'desktop-unreachable',
  'taken-over',
  'client-violation',
]);

/** The server repeats the last notices to whoever begins to listen; those come at once, and are old. */
const REPEAT_MS = 1_500;
const OLD_MS = 15_000;

const isPast = (notice: Notice, openedAt: number): boolean => {
  const now = Date.now();
  return now - openedAt < REPEAT_MS && now - notice.at / 1000 > OLD_MS;
};

export interface NoticeStream {
  signal: AbortSignal;
  /** Gets in and gives the session's base URL; `again`: the last way in was refused or is used up. */
  enter(signal: AbortSignal, again: boolean): Promise<string>;
  /** Whether there is still something to hear about. */
  active(): boolean;
  /** `past`: it was told before this page listened. */
  notice(notice: Notice, past: boolean): void;
  ended(code: string, text: string): void;
}

/** Resolves when the session is over or `signal` aborts. */
export async function followNotices(stream: NoticeStream): Promise<void> {
  let failures = 0;
  while (!stream.signal.aborted && stream.active()) {
    try {
      const baseUrl = await stream.enter(stream.signal, failures > 0);
      let openedAt = 0;
      const end = { seen: false };
      await readSse(
        `${baseUrl}notices`,
        stream.signal,
        ({ event, data }) => {
          if (event === 'notice') {
            const notice = parseNotice(data);
            if (notice) stream.notice(notice, isPast(notice, openedAt));
          } else if (event === 'end') {
            const { code, text } = parseEnd(data);
            // Only this connection ended, not the session: listen again.
            if (PASSING_ENDS.has(code)) return;
            end.seen = true;
            stream.ended(code, text);
          }
        },
        () => {
          failures = 0;
          openedAt = Date.now();
        },
      );
      if (end.seen) return;
    } catch (error) {
      // Nobody is logged in, or the session is not theirs: asking again changes nothing.
      if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return;
    }
    const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] ?? 10_000;
    failures += 1;
    await sleep(pause, stream.signal);
  }
}

function parseEnd(data: string): { code: string; text: string } {
  const fallback = { code: 'ended', text: 'This session has ended.' };
  try {
    const value = JSON.parse(data) as { code?: unknown; text?: unknown };
    return {
      code: typeof value.code === 'string' ? value.code : fallback.code,
      text: typeof value.text === 'string' && value.text !== '' ? value.text : fallback.text,
    };
  } catch {
    return fallback;
  }
}
