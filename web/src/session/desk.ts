/** Everything the desktop page holds, away from its markup: connection, notices, both clipboards, latched keys. */
import { signal } from '@preact/signals';
import { errorText, unreachable } from '../api/client';
import { api } from '../api/endpoints';
import type { Session } from '../api/types';
import type { ScaleMode, ViewerFactory } from '../viewers/viewer';
import { SessionConnection } from './connection';
import { CopyOut } from './copy-out';
import { KEY, type Key } from './keysyms';
import { type ShownNotice, addNotice, dismiss, markRead } from './notices';
import { type PasteChord, type PasteProblem, bridgePaste, pressChord } from './paste';
import { bridgeDrop } from './drop';
import { bridgeTouchKeyboard } from './touch-keyboard';
import { Transfers } from './transfers';

export type Latch = 'control' | 'alt';

export interface DeskElements {
  /** Around the picture: keys for the desktop pass here. */
  stage: HTMLElement;
  /** The viewer draws in here. */
  screen: HTMLElement;
  pasteProxy: HTMLTextAreaElement;
  touchField: HTMLTextAreaElement;
}

export class Desk {
  readonly connection = signal<SessionConnection | null>(null);
  readonly notices = signal<ShownNotice[]>([]);
  readonly copyOut: CopyOut;
  readonly scale = signal<ScaleMode>('fit');
  readonly panning = signal(false);
  readonly latched = signal<ReadonlySet<Latch>>(new Set());
  readonly panel = signal(false);
  readonly keyboard = signal(false);
  /** Why the paste box is asked for; null when it is just there. */
  readonly pasteProblem = signal<PasteProblem | null>(null);
  readonly error = signal<string | null>(null);
  readonly transfers: Transfers;
  /** Files hang over the picture, to be dropped. */
  readonly hanging = signal(false);

  private elements: DeskElements | null = null;
  private pendingChord: PasteChord | null = null;
  private noticeKey = 0;
  private undo: (() => void)[] = [];

  constructor(readonly session: Session) {
    this.transfers = new Transfers((abort, reuseMs) => {
      const connection = this.connection.value;
      if (!connection) return Promise.reject(unreachable());
      return connection.enter(abort, reuseMs);
    });
    // Undefined in a page that is not served over HTTPS; lib.dom says it is always there.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    this.copyOut = new CopyOut(clipboard ? (text) => clipboard.writeText(text) : undefined);
  }

  start(elements: DeskElements, makeViewer: ViewerFactory): void {
    this.elements = elements;
    const connection = new SessionConnection(this.session.id, elements.screen, makeViewer, {
      followSmall: this.session.workspace.icon === 'terminal',
      notice: (notice, past) => {
        this.noticeKey += 1;
        this.notices.value = addNotice(this.notices.value, notice, this.noticeKey, past);
        if (this.panel.value) this.notices.value = markRead(this.notices.value);
      },
      clipboard: (text) => void this.copyOut.offer(text),
    });
    this.connection.value = connection;
    const clipboard = navigator.clipboard as Partial<Clipboard> | undefined;
    this.undo.push(
      bridgePaste({
        host: elements.stage,
        proxy: elements.pasteProxy,
        sink: {
          sendClipboard: (text) => connection.viewer?.sendClipboard(text),
          sendKey: this.sendKey,
          focus: this.focus,
        },
        readText: clipboard?.readText ? () => navigator.clipboard.readText() : undefined,
        files: (files) => this.uploadShown(files),
        problem: (problem, chord) => {
          this.pendingChord = chord;
          this.pasteProblem.value = problem;
          this.openPanel();
        },
      }),
      bridgeDrop(
        elements.stage,
        (over) => (this.hanging.value = over),
        (files) => this.uploadShown(files),
      ),
      bridgeTouchKeyboard({ field: elements.touchField, sendKey: this.sendKey, typed: () => this.unlatch() }),
    );
    connection.start();
  }

  dispose(): void {
    for (const undo of this.undo) undo();
    this.undo = [];
    this.connection.value?.dispose();
    this.connection.value = null;
    this.copyOut.dispose();
    this.transfers.dispose();
  }

  readonly focus = (): void => {
    this.connection.value?.viewer?.focus();
  };

  readonly sendKey = (key: Key, down: boolean): void => {
    this.connection.value?.viewer?.sendKey(key, down);
  };

  /** Presses and releases a key, with what is latched. */
  press(key: Key): void {
    this.sendKey(key, true);
    this.sendKey(key, false);
    this.unlatch();
  }

  toggleLatch(latch: Latch): void {
    const next = new Set(this.latched.value);
    const down = !next.has(latch);
    if (down) next.add(latch);
    else next.delete(latch);
    this.sendKey(KEY[latch], down);
    this.latched.value = next;
  }

  unlatch(): void {
    if (this.latched.value.size === 0) return;
    for (const latch of this.latched.value) this.sendKey(KEY[latch], false);
    this.latched.value = new Set();
  }

  /** From the paste box: offers the text; after a refused paste key that key follows, as the person meant it. */
  sendText(text: string): void {
    if (text === '') return;
    this.connection.value?.viewer?.sendClipboard(text);
    const chord = this.pendingChord;
    this.pendingChord = null;
    this.pasteProblem.value = null;
    if (!chord) return;
    const sink = { sendClipboard: () => undefined, sendKey: this.sendKey, focus: this.focus };
    // By now nothing is held down any more.
    pressChord(sink, { ...chord, shiftHeld: false, control: false, meta: false });
    this.focus();
  }

  /** Uploads what was dropped or pasted over the picture, and shows how it goes. */
  private uploadShown(files: File[]): void {
    this.openPanel();
    void this.transfers.upload(files);
  }

  dismiss(key: number): void {
    this.notices.value = dismiss(this.notices.value, key);
  }

  openPanel(): void {
    this.panel.value = true;
    // The panel lists them: no need to lie over it as well.
    this.notices.value = markRead(this.notices.value).map((notice) => ({ ...notice, toast: false }));
  }

  closePanel(): void {
    this.panel.value = false;
    this.pasteProblem.value = null;
    this.pendingChord = null;
    this.focus();
  }

  toggleScale(): void {
    this.scale.value = this.scale.value === 'fit' ? 'actual' : 'fit';
    this.connection.value?.viewer?.setScale(this.scale.value);
    if (this.scale.value === 'fit' && this.panning.value) this.togglePanning();
  }

  togglePanning(): void {
    this.panning.value = !this.panning.value;
    this.connection.value?.viewer?.setPanning(this.panning.value);
  }

  /** Opens the on-screen keyboard, or hides it. */
  toggleKeyboard(): void {
    this.keyboard.value = !this.keyboard.value;
    if (this.keyboard.value) this.elements?.touchField.focus({ preventScroll: true });
    else {
      this.unlatch();
      this.elements?.touchField.blur();
      this.focus();
    }
  }

  /** The connection learns of it and says so. */
  async pause(): Promise<void> {
    this.error.value = null;
    try {
      await api.pauseSession(this.session.id);
    } catch (failure) {
      this.error.value = errorText(failure);
    }
  }

  async end(): Promise<void> {
    this.error.value = null;
    try {
      await api.endSession(this.session.id);
    } catch (failure) {
      this.error.value = errorText(failure);
    }
  }
}
