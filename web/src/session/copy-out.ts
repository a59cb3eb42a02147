/** Text that was copied inside the session, on its way to the person's own clipboard. */
import { signal } from '@preact/signals';

export interface Copied {
  text: string;
  at: number;
  /** `copied`: it is in the clipboard. `waiting`: the browser wants a click, or the window in front. */
  state: 'copied' | 'waiting';
}

type WriteText = (text: string) => Promise<void>;

export class CopyOut {
  readonly last = signal<Copied | null>(null);
  private readonly undo = new AbortController();

  constructor(private readonly write: WriteText | undefined) {
    // A browser takes text only from the window in front: try again when it is.
    window.addEventListener('focus', () => void this.retry(), { signal: this.undo.signal });
  }

  /** The session offers `text`. */
  async offer(text: string, at: number = Date.now()): Promise<void> {
    if (text === '') return;
    this.last.value = { text, at, state: 'waiting' };
    await this.retry();
  }

  /** Writes what waits; called from a click it works in every browser. True when it is in the clipboard. */
  async retry(): Promise<boolean> {
    const now = this.last.value;
    if (!now) return false;
    if (now.state === 'copied') return true;
    return this.put(now);
  }

  /** Copies the last text once more, as when something else was copied since. */
  async again(): Promise<boolean> {
    const now = this.last.value;
    return now ? this.put(now) : false;
  }

  dispose(): void {
    this.undo.abort();
  }

  private async put(now: Copied): Promise<boolean> {
    try {
      if (!this.write) return false;
      await this.write(now.text);
    } catch {
      return false;
    }
    if (this.last.value?.at === now.at) this.last.value = { ...now, state: 'copied' };
    return true;
  }
}
