/**
 * Files between this machine and the session's Transfer folder. An upload goes in slices: what a lost connection cuts off
 * goes on where it was, and a file is in the folder whole or not at all.
 */
import { signal } from '@preact/signals';
import { ApiError, call, errorText, isAbort, problem, unreachable } from '../api/client';
import { sleep } from '../lib/sleep';

/** Sent in one request. */
const SLICE_BYTES = 8 * 1024 * 1024;
/** The server keeps what it has of a cut upload for two minutes. */
const RESUME_MS = 110_000;
const PAUSE_MS = 2_000;
/** A cookie that is this old still outlives the beginning of a request, ms. */
const FRESH_MS = 20_000;

/** A file in the folder. */
export interface Entry {
  name: string;
  /** The name as it can be shown: without characters that hide or reorder. */
  shown: string;
  size: number;
  /** Seconds since 1970. */
  modified: number;
  /** Why it can't be had, where it can't. */
  refused: string | null;
}

export type TransferState = 'sending' | 'waiting' | 'checking' | 'done' | 'failed';

/** An upload, or a download that is asked for. */
export interface Transfer {
  key: number;
  way: 'upload' | 'download';
  name: string;
  size: number;
  sent: number;
  state: TransferState;
  /** What became of it, in words. */
  text: string;
  /** The rule that denied it. */
  rule?: string | undefined;
}

interface UploadState {
  state: 'receiving' | 'done';
  offset: number;
  name?: string;
}

/** Gets in and gives the session's base URL; a way in that is younger than `reuseMs` will do. */
export type Enter = (signal: AbortSignal, reuseMs: number) => Promise<string>;

export class Transfers {
  readonly list = signal<Transfer[]>([]);
  readonly entries = signal<Entry[] | null>(null);
  readonly error = signal<string | null>(null);
  private readonly stop = new AbortController();
  private readonly running = new Map<number, AbortController>();
  private lastKey = 0;

  constructor(private readonly enter: Enter) {}

  dispose(): void {
    this.stop.abort();
    for (const transfer of this.running.values()) transfer.abort();
  }

  /** Reads the folder anew. */
  async refresh(): Promise<void> {
    try {
      const { items } = await this.ask<{ items: Entry[] }>('GET', 'files', this.stop.signal);
      this.entries.value = items;
      this.error.value = null;
    } catch (failure) {
      if (!isAbort(failure)) this.error.value = errorText(failure);
    }
  }

  /** Uploads files one after another. */
  async upload(files: readonly File[]): Promise<void> {
    const waiting = files.map((file) => ({ file, key: this.add('upload', file.name, file.size) }));
    for (const { file, key } of waiting) {
      await this.follow(key, (signal) => this.send(key, file, signal));
    }
  }

  /** Asks for a file and hands it to the browser. */
  async download(entry: Entry): Promise<void> {
    const key = this.add('download', entry.shown, entry.size);
    await this.follow(key, async (signal) => {
      this.change(key, { state: 'checking' });
      const offered = await this.ask<{ id: string; name: string }>('POST', 'download', signal, {
        name: entry.name,
      });
      const base = await this.enter(signal, FRESH_MS);
      const link = document.createElement('a');
      link.href = `${base}download?id=${offered.id}`;
      link.download = offered.name;
      link.click();
      this.change(key, { state: 'done', text: 'Your browser has it now.' });
    });
  }

  /** Gives a transfer up, or takes one that is over off the list. */
  cancel(key: number): void {
    this.running.get(key)?.abort();
    this.list.value = this.list.value.filter((transfer) => transfer.key !== key);
  }

  private add(way: Transfer['way'], name: string, size: number): number {
    this.lastKey += 1;
    const key = this.lastKey;
    this.running.set(key, new AbortController());
    this.list.value = [{ key, way, name, size, sent: 0, state: 'sending', text: '' }, ...this.list.value];
    return key;
  }

  private change(key: number, more: Partial<Transfer>): void {
    this.list.value = this.list.value.map((transfer) =>
      transfer.key === key ? { ...transfer, ...more } : transfer,
    );
  }

  private async follow(key: number, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const mine = this.running.get(key);
    if (!mine || mine.signal.aborted) return;
    try {
      await work(mine.signal);
    } catch (failure) {
      if (isAbort(failure)) return;
      const rule = failure instanceof ApiError ? failure.rule : undefined;
      this.change(key, { state: 'failed', text: errorText(failure), rule });
    } finally {
      this.running.delete(key);
    }
  }

  private async send(key: number, file: File, signal: AbortSignal): Promise<void> {
    const begun = await this.ask<{ id: string; name: string }>('POST', 'upload', signal, {
      name: file.name,
      size: file.size,
    });
    const at = `upload?id=${begun.id}`;
    try {
      let state: UploadState = { state: 'receiving', offset: 0 };
      while (state.state === 'receiving') {
        const { offset } = state;
        const slice = file.slice(offset, offset + SLICE_BYTES);
        const last = offset + slice.size >= file.size;
        this.change(key, { state: 'sending', sent: offset });
        try {
          const base = await this.enter(signal, FRESH_MS);
          state = await put(`${base}${at}&offset=${offset}`, slice, signal, (sent) =>
            this.change(key, {
              sent: offset + sent,
              state: last && sent >= slice.size ? 'checking' : 'sending',
            }),
          );
        } catch (failure) {
          if (!mayGoOn(failure)) throw failure;
          this.change(key, { state: 'waiting', text: 'The connection was lost. Trying again.' });
          state = await this.resumed(at, signal);
          this.change(key, { text: '' });
        }
      }
      const name = state.name ?? begun.name;
      this.change(key, {
        state: 'done',
        sent: file.size,
        text: name === file.name ? 'In Transfer.' : `In Transfer as ${name}.`,
      });
      void this.refresh();
    } catch (failure) {
      // Nobody waits for it: the server forgets it by itself.
      if (isAbort(failure)) void this.ask('DELETE', at, this.stop.signal).catch(() => undefined);
      throw failure;
    }
  }

  /** How far the server got, as soon as it can be asked. */
  private async resumed(at: string, signal: AbortSignal): Promise<UploadState> {
    const until = Date.now() + RESUME_MS;
    for (;;) {
      try {
        return await this.ask<UploadState>('GET', at, signal);
      } catch (failure) {
        if (!mayGoOn(failure) || Date.now() > until) throw failure;
        await sleep(PAUSE_MS, signal);
      }
    }
  }

  private async ask<T>(method: string, path: string, signal: AbortSignal, body?: unknown): Promise<T> {
    const base = await this.enter(signal, FRESH_MS);
    return call<T>(method, `${base}${path}`, body === undefined ? { signal } : { signal, body });
  }
}

/** Whether it was the network, the ticket or a moment of the server's, and not the file. */
function mayGoOn(failure: unknown): boolean {
  if (!(failure instanceof ApiError)) return false;
  return (
    failure.status === 0 || failure.status === 401 || failure.status === 503 || failure.code === 'offset'
  );
}

/** Sends one slice; `fetch` can't report how far it got. */
function put(
  url: string,
  slice: Blob,
  signal: AbortSignal,
  progress: (sent: number) => void,
): Promise<UploadState> {
  return new Promise((resolve, reject) => {
    const cancelled = () => new DOMException('Upload cancelled', 'AbortError');
    if (signal.aborted) {
      reject(cancelled());
      return;
    }
    const xhr = new XMLHttpRequest();
    xhr.open('PUT', url);
    xhr.setRequestHeader('content-type', 'application/octet-stream');
    xhr.upload.addEventListener('progress', (event) => progress(event.loaded));
    xhr.addEventListener('load', () => {
      if (xhr.status < 200 || xhr.status > 299) {
        reject(problem(xhr.status, xhr.responseText, xhr.getResponseHeader('retry-after')));
        return;
      }
      try {
        resolve(JSON.parse(xhr.responseText) as UploadState);
      } catch {
        reject(new ApiError('The server’s answer can’t be read.', xhr.status, 'bad-answer'));
      }
    });
    xhr.addEventListener('error', () => reject(unreachable()));
    xhr.addEventListener('abort', () => reject(cancelled()));
    signal.addEventListener('abort', () => xhr.abort(), { once: true });
    xhr.send(slice);
  });
}
