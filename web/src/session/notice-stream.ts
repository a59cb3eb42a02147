/** Keeps a session's notice stream open as long as its page is. */
import { ApiError } from '../api/client';
import { readSse } from '../api/sse';
import { sleep } from '../lib/sleep';
import type { Notice } from '../api/types';
import { parseNotice } from './notices';

const PAUSES_MS = [500, 1_000, 2_000, 5_000, 10_000];

export interface NoticeStream {
  signal: AbortSignal;
  /** Gets in and gives the session's base URL. */
  enter(signal: AbortSignal): Promise<string>;
  /** Whether there is still something to hear about. */
  active(): boolean;
  notice(notice: Notice): void;
  ended(code: string, text: string): void;
}

/** Resolves when the session is over or `signal` aborts. */
export async function followNotices(stream: NoticeStream): Promise<void> {
  let failures = 0;
  while (!stream.signal.aborted && stream.active()) {
    try {
      const baseUrl = await stream.enter(stream.signal);
      const end = { seen: false };
      await readSse(
        `${baseUrl}notices`,
        stream.signal,
        ({ event, data }) => {
          if (event === 'notice') {
            const notice = parseNotice(data);
            if (notice) stream.notice(notice);
          } else if (event === 'end') {
            end.seen = true;
            const { code, text } = parseEnd(data);
            stream.ended(code, text);
          }
        },
        () => {
          failures = 0;
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
