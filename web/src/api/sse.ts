/**
 * Server-sent events over `fetch` (WHATWG HTML 9.2). Unlike EventSource it tells a refused stream (401, 404) from a lost one,
 * and notices a dead network by the missing pings.
 */
import { fail, unreachable } from './client';

export interface SseMessage {
  event: string;
  data: string;
}

/** Splits a byte stream that was decoded to text into messages; keeps what is incomplete for the next push. */
export class SseParser {
  private buffer = '';
  private event = '';
  private data: string[] = [];

  push(text: string): SseMessage[] {
    this.buffer += text;
    const messages: SseMessage[] = [];
    for (;;) {
      const match = /\r\n|\n|\r/.exec(this.buffer);
      // A lone CR at the very end may be the first half of CRLF.
      if (!match || (match[0] === '\r' && match.index === this.buffer.length - 1)) return messages;
      const line = this.buffer.slice(0, match.index);
      this.buffer = this.buffer.slice(match.index + match[0].length);
      const message = this.line(line);
      if (message) messages.push(message);
    }
  }

  private line(line: string): SseMessage | undefined {
    if (line === '') {
      const message = { event: this.event === '' ? 'message' : this.event, data: this.data.join('\n') };
      const complete = this.data.length > 0;
      this.event = '';
      this.data = [];
      return complete ? message : undefined;
    }
    if (line.startsWith(':')) return undefined;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.event = value;
    if (field === 'data') this.data.push(value);
    return undefined;
  }
}

/** Longer silence than this means that the connection is dead: the server pings every 15 s. */
export const SILENCE_MS = 40_000;

/**
 * Reads `url` until it ends (resolves), is aborted (resolves) or breaks (throws `ApiError`).
 * `opened` runs when the server accepted the stream.
 */
export async function readSse(
  url: string,
  signal: AbortSignal,
  onMessage: (message: SseMessage) => void,
  opened: () => void = () => undefined,
): Promise<void> {
  const gone = new AbortController();
  const stop = () => gone.abort();
  if (signal.aborted) return;
  signal.addEventListener('abort', stop, { once: true });
  let timer = window.setTimeout(stop, SILENCE_MS);
  const alive = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(stop, SILENCE_MS);
  };
  try {
    const response = await fetch(url, {
      headers: { accept: 'text/event-stream' },
      credentials: 'same-origin',
      cache: 'no-store',
      signal: gone.signal,
    });
    if (!response.ok) throw await fail(response);
    if (!response.body) throw unreachable();
    opened();
    const parser = new SseParser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      for (const message of parser.push(decoder.decode(value, { stream: true }))) onMessage(message);
    }
  } catch (error) {
    if (isAborted(signal)) return;
    if (error instanceof Error && error.name === 'ApiError') throw error;
    throw unreachable();
  } finally {
    window.clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    gone.abort();
  }
}

// Through a function: the compiler would take the first check for the last word.
const isAborted = (signal: AbortSignal): boolean => signal.aborted;
