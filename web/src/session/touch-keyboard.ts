/** Typing with an on-screen keyboard, which tells what a text field holds rather than which keys were pressed. */
import { KEY, type Key, keysymOf, typedDifference } from './keysyms';

/** Something to delete, so that Backspace always shows up as a change. */
const PADDING = '\u00a0'.repeat(64);

const NAMED: Record<string, Key> = {
  Enter: KEY.enter,
  Tab: KEY.tab,
  Escape: KEY.escape,
  ArrowLeft: KEY.left,
  ArrowRight: KEY.right,
  ArrowUp: KEY.up,
  ArrowDown: KEY.down,
};

export interface TouchKeyboardOptions {
  field: HTMLTextAreaElement;
  sendKey: (key: Key, down: boolean) => void;
  /** After each key: a latched Ctrl or Alt is let go. */
  typed: () => void;
}

/** Sends what is typed into `field`. Returns the undo. */
export function bridgeTouchKeyboard({ field, sendKey, typed }: TouchKeyboardOptions): () => void {
  const undo = new AbortController();
  const { signal } = undo;
  let last = PADDING;

  const press = (key: Key) => {
    sendKey(key, true);
    sendKey(key, false);
    typed();
  };
  const reset = () => {
    last = PADDING;
    field.value = PADDING;
    field.setSelectionRange(PADDING.length, PADDING.length);
  };

  field.addEventListener('focus', reset, { signal });
  field.addEventListener(
    'keydown',
    (event) => {
      const key = event.isComposing ? undefined : NAMED[event.key];
      if (!key) return;
      event.preventDefault();
      event.stopPropagation();
      press(key);
    },
    { signal },
  );
  field.addEventListener(
    'input',
    (event) => {
      const { backspaces, text } = typedDifference(last, field.value);
      last = field.value;
      for (let i = 0; i < backspaces; i += 1) press(KEY.backspace);
      for (const char of text) press({ keysym: keysymOf(char), code: '' });
      // A word that is still being composed must keep its text.
      const composing = event instanceof InputEvent && event.isComposing;
      if (!composing && Math.abs(field.value.length - PADDING.length) > 24) reset();
    },
    { signal },
  );
  field.addEventListener('compositionend', () => queueMicrotask(reset), { signal });
  return () => undo.abort();
}
