/** What the pages know of a viewer, whatever protocol it speaks. No framework in here, no protocol outside. */
import type { Key } from '../session/keysyms';

export interface ViewerSession {
  /** Where the session is served, such as `/session/<id>/`; the viewer knows its own path below it. */
  baseUrl: string;
  viewOnly: boolean;
  /** The desktop takes the window's size, where it can, on small screens too: a terminal reads better so, a desktop does not. */
  followSmall: boolean;
}

/** `fit`: the whole desktop in the window. `actual`: one desktop pixel per CSS pixel, with scrolling. */
export type ScaleMode = 'fit' | 'actual';

export interface ViewerEvents {
  /** The desktop is there and takes input. */
  opened(): void;
  /** The connection is gone; the last picture stays in the element. Told once for each `mount`. */
  closed(code: number, reason: string): void;
  /** Text was copied inside the session. */
  clipboard(text: string): void;
}

export interface Viewer {
  /** Connects and draws into `el`. Called again after `closed` for another try. */
  mount(el: HTMLElement, session: ViewerSession): void;
  /** The element's size changed. */
  resize(): void;
  setScale(mode: ScaleMode): void;
  /** In `actual` on a touch screen: dragging moves the picture instead of the pointer. */
  setPanning(on: boolean): void;
  /** Offers text to the session. Keys sent after it arrive after it. */
  sendClipboard(text: string): void;
  sendKey(key: Key, down: boolean): void;
  /** Sends keys of the person's keyboard to the session from now on. */
  focus(): void;
  /** Drops the connection without a word, as when the network is known to have changed; `closed` is told. */
  drop(): void;
  /** Disconnects and removes everything; nothing is told any more. */
  dispose(): void;
}

export type ViewerFactory = (events: ViewerEvents) => Viewer;
