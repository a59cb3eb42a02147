/**
 * Text goes in on paste only, never on focus. A paste key over the desktop is held back, the text is read from the browser's own
 * paste event, offered to the session, and only then the key is sent on: the order a program inside relies on.
 */
import { KEY, type Key } from './keysyms';

export interface PasteSink {
  /** Offers the text to the session. */
  sendClipboard(text: string): void;
  sendKey(key: Key, down: boolean): void;
  /** Gives the keyboard back to the desktop. */
  focus(): void;
}

/** The browser did not hand out the text (`refused`), or there is none to hand out (`no-text`). */
export type PasteProblem = 'refused' | 'no-text';

export interface PasteChord {
  key: 'v' | 'insert';
  shift: boolean;
  /** Shift is held on the person's keyboard, and the desktop knows. */
  shiftHeld: boolean;
  /** Control is held on the person's keyboard, and the desktop knows. */
  control: boolean;
  meta: boolean;
}

/** What kind of paste key this is; null when it is none. */
export function pasteChord(event: KeyboardEvent): PasteChord | null {
  const { shiftKey: shift, ctrlKey: control, metaKey: meta, altKey: alt } = event;
  if (alt) return null;
  if (event.code === 'KeyV' || event.key.toLowerCase() === 'v') {
    return control !== meta ? { key: 'v', shift, shiftHeld: shift, control, meta } : null;
  }
  if (event.key === 'Insert' && shift && !control && !meta) {
    return { key: 'insert', shift, shiftHeld: shift, control, meta };
  }
  return null;
}

/** Presses the chord in the desktop. Keys that the person still holds are down there already. */
export function pressChord(sink: PasteSink, chord: PasteChord): void {
  const press = (key: Key) => {
    sink.sendKey(key, true);
    sink.sendKey(key, false);
  };
  if (chord.key === 'insert') {
    if (chord.shiftHeld) press(KEY.insert);
    else held(sink, KEY.shift, () => press(KEY.insert));
    return;
  }
  const letter = chord.shift ? KEY.capitalV : KEY.v;
  if (chord.control) {
    press(letter);
    return;
  }
  // Cmd+V: the desktop must not see Cmd (there it is Alt) together with V.
  if (chord.meta) sink.sendKey({ keysym: KEY.alt.keysym, code: KEY.metaLeft.code }, false);
  held(sink, KEY.control, () => {
    if (chord.shift && !chord.shiftHeld) held(sink, KEY.shift, () => press(letter));
    else press(letter);
  });
}

function held(sink: PasteSink, key: Key, during: () => void): void {
  sink.sendKey(key, true);
  during();
  sink.sendKey(key, false);
}

/** A paste without a key, as from the browser's menu: Ctrl+V is what the desktop gets. */
const HELD_BY_NOBODY: PasteChord = { key: 'v', shift: false, shiftHeld: false, control: false, meta: false };

/** How long the browser may take to turn a paste key into a paste event, ms. */
const EVENT_MS = 250;
/** A paste event that comes this long after we gave up on it is not a second paste, ms. */
const LATE_MS = 2_000;

export interface PasteBridgeOptions {
  /** Where keys for the desktop arrive. */
  host: HTMLElement;
  /** An editable element that can take the browser's paste event: not every browser fires it elsewhere. */
  proxy: HTMLTextAreaElement;
  sink: PasteSink;
  /** Reads the clipboard after the person agreed; undefined where the browser can't. */
  readText: (() => Promise<string>) | undefined;
  /** Files were pasted: they go another way than text. */
  files?: (files: File[]) => void;
  problem: (problem: PasteProblem, chord: PasteChord) => void;
}

/** Watches for pastes over the desktop. Returns the undo. */
export function bridgePaste({ host, proxy, sink, readText, files, problem }: PasteBridgeOptions): () => void {
  let pending: { chord: PasteChord; timer: number } | null = null;
  /** Until when a paste event belongs to a key that was served without it, on a slow machine. */
  let servedUntil = 0;
  const undo = new AbortController();
  const capture = { capture: true, signal: undo.signal };

  const deliver = (text: string, chord: PasteChord) => {
    if (text !== '') sink.sendClipboard(text);
    sink.focus();
    pressChord(sink, chord);
  };

  const noEvent = async () => {
    const chord = pending?.chord;
    pending = null;
    sink.focus();
    if (!chord) return;
    servedUntil = performance.now() + LATE_MS;
    if (!readText) {
      problem('refused', chord);
      return;
    }
    try {
      deliver(await readText(), chord);
    } catch {
      problem('refused', chord);
    }
  };

  host.addEventListener(
    'keydown',
    (event) => {
      const chord = pasteChord(event);
      if (!chord) return;
      // Held back from the desktop; the browser's default action stays, it makes the paste event.
      event.stopImmediatePropagation();
      if (event.repeat) {
        event.preventDefault();
        return;
      }
      if (pending) window.clearTimeout(pending.timer);
      pending = { chord, timer: window.setTimeout(() => void noEvent(), EVENT_MS) };
      proxy.value = '';
      proxy.focus({ preventScroll: true });
    },
    capture,
  );

  // Control may be let go while the browser asks for permission: then the desktop no longer has it down.
  window.addEventListener(
    'keyup',
    (event) => {
      if (!pending) return;
      if (event.key === 'Control') pending.chord = { ...pending.chord, control: false };
      if (event.key === 'Shift') pending.chord = { ...pending.chord, shiftHeld: false };
    },
    capture,
  );

  document.addEventListener(
    'paste',
    (event) => {
      const target = event.target instanceof Node ? event.target : null;
      if (target !== proxy && !host.contains(target)) return;
      event.preventDefault();
      event.stopPropagation();
      if (!pending && performance.now() < servedUntil) return;
      const chord = pending?.chord ?? HELD_BY_NOBODY;
      if (pending) window.clearTimeout(pending.timer);
      pending = null;
      const data = event.clipboardData;
      const text = data?.getData('text/plain') ?? '';
      const pasted = Array.from(data?.files ?? []);
      if (text === '' && pasted.length > 0 && files) {
        sink.focus();
        files(pasted);
        return;
      }
      if (text === '' && data && data.types.length > 0) {
        sink.focus();
        problem('no-text', chord);
        return;
      }
      deliver(text, chord);
    },
    capture,
  );

  return () => {
    if (pending) window.clearTimeout(pending.timer);
    undo.abort();
  };
}
