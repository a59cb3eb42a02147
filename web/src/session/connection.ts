/** Drives one session's connection: tickets, the viewer, the notice stream, tries after a loss. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { ApiError, errorText, isAbort } from '../api/client';
import { api } from '../api/endpoints';
import type { Notice } from '../api/types';
import type { Viewer, ViewerEvents, ViewerFactory } from '../viewers/viewer';
import { followNotices } from './notice-stream';
import { type ConnEvent, type ConnState, initial, step } from './reconnect';

const TICK_MS = 250;
/** A ticket that was turned into a cookie this long ago is still good for the notice stream, ms. */
const FRESH_MS = 30_000;

export interface ConnectionHooks {
  followSmall: boolean;
  notice(notice: Notice, past: boolean): void;
  clipboard(text: string): void;
}

export class SessionConnection {
  private readonly current = signal<ConnState>(initial);
  private readonly clock = signal(Date.now());
  private readonly stop = new AbortController();
  private attempt: AbortController | null = null;
  private viewerOrNull: Viewer | null = null;
  private entered: { baseUrl: string; at: number } | null = null;
  private timer = 0;

  constructor(
    private readonly id: string,
    private readonly el: HTMLElement,
    private readonly makeViewer: ViewerFactory,
    private readonly hooks: ConnectionHooks,
  ) {}

  get state(): ReadonlySignal<ConnState> {
    return this.current;
  }

  /** Moves four times a second while something counts down. */
  get now(): ReadonlySignal<number> {
    return this.clock;
  }

  get viewer(): Viewer | null {
    return this.viewerOrNull;
  }

  start(): void {
    const events: ViewerEvents = {
      opened: () => this.dispatch({ type: 'opened', now: Date.now() }),
      closed: (code, reason) => this.closed(code, reason),
      clipboard: (text) => this.hooks.clipboard(text),
    };
    this.viewerOrNull = this.makeViewer(events);
    this.timer = window.setInterval(() => {
      this.clock.value = Date.now();
      this.dispatch({ type: 'tick', now: Date.now() });
    }, TICK_MS);
    window.addEventListener('online', this.networkBack, { signal: this.stop.signal });
    window.addEventListener('offline', this.networkGone, { signal: this.stop.signal });
    void this.connect();
    void followNotices({
      signal: this.stop.signal,
      enter: (signal, again) => this.enter(signal, again ? 0 : FRESH_MS),
      active: () => this.current.value.at !== 'ended',
      notice: (notice, past) => this.hooks.notice(notice, past),
      ended: (code, text) => this.dispatch({ type: 'ended', code, text }),
    });
  }

  /** The person asks for another try, or takes the session back. */
  tryNow(): void {
    this.dispatch({ type: 'try-now', now: Date.now() });
  }

  dispose(): void {
    window.clearInterval(this.timer);
    this.stop.abort();
    this.attempt?.abort();
    this.viewerOrNull?.dispose();
    this.viewerOrNull = null;
  }

  private readonly networkBack = () => this.tryNowIfLost();

  private readonly networkGone = () => {
    if (this.current.value.at === 'connected') this.viewerOrNull?.drop();
  };

  private tryNowIfLost(): void {
    if (this.current.value.at === 'reconnecting') this.tryNow();
  }

  private dispatch(event: ConnEvent): void {
    if (this.stop.signal.aborted) return;
    const before = this.current.value;
    const after = step(before, event);
    if (after === before) return;
    this.current.value = after;
    const trying = after.at === 'reconnecting' && after.nextAt === null;
    const wasTrying = before.at === 'reconnecting' && before.nextAt === null;
    if (trying && !wasTrying) void this.connect();
    if (after.at === 'ended' || after.at === 'stopped' || after.at === 'taken-over') this.attempt?.abort();
    // Due at once: no need to wait for the next tick.
    if (after.at === 'reconnecting' && after.nextAt !== null && after.nextAt <= Date.now()) {
      this.dispatch({ type: 'tick', now: Date.now() });
    }
  }

  private closed(code: number, reason: string): void {
    this.dispatch({ type: 'closed', code, reason, now: Date.now() });
  }

  private async connect(): Promise<void> {
    this.attempt?.abort();
    const mine = new AbortController();
    this.attempt = mine;
    try {
      const baseUrl = await this.enter(mine.signal);
      if (mine.signal.aborted || this.stop.signal.aborted) return;
      this.viewerOrNull?.mount(this.el, {
        baseUrl,
        viewOnly: false,
        followSmall: this.hooks.followSmall,
      });
    } catch (error) {
      if (mine.signal.aborted || isAbort(error)) return;
      await this.refused(error);
    }
  }

  /** A new ticket, turned into the session's cookie. `reuseMs`: a recent one will do. */
  async enter(signal: AbortSignal, reuseMs = 0): Promise<string> {
    if (this.entered && Date.now() - this.entered.at < reuseMs) return this.entered.baseUrl;
    const { ticket, base_url: baseUrl } = await api.ticket(this.id, signal);
    await api.enter(baseUrl, ticket, signal);
    this.entered = { baseUrl, at: Date.now() };
    return baseUrl;
  }

  private async refused(error: unknown): Promise<void> {
    const text = errorText(error);
    const now = () => Date.now();
    if (error instanceof ApiError && (error.status === 404 || error.status === 410)) {
      this.dispatch({ type: 'ended', code: 'gone', text: 'This session no longer exists.' });
      return;
    }
    if (error instanceof ApiError && error.code === 'paused') {
      this.dispatch({ type: 'ended', code: 'paused', text });
      return;
    }
    if (error instanceof ApiError && error.code === 'not-ready') {
      try {
        const session = await api.session(this.id, this.stop.signal);
        if (session.end || session.state === 'ended' || session.state === 'failed') {
          const words = session.end?.text ?? session.message ?? 'This session has ended.';
          this.dispatch({ type: 'ended', code: session.end?.code ?? session.state, text: words });
          return;
        }
      } catch {
        // Asked again with the next try.
      }
    }
    const final = error instanceof ApiError && error.status === 403;
    this.dispatch({ type: 'refused', final, text, now: now() });
  }
}
