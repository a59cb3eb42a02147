import type { Desk, Latch } from '../../session/desk';
import { KEY } from '../../session/keysyms';

const LATCHES: { latch: Latch; label: string }[] = [
  { latch: 'control', label: 'Ctrl' },
  { latch: 'alt', label: 'Alt' },
];

const KEYS = [
  { key: KEY.escape, label: 'Esc', words: 'Escape' },
  { key: KEY.tab, label: 'Tab', words: 'Tab' },
  { key: KEY.left, label: '←', words: 'Left' },
  { key: KEY.up, label: '↑', words: 'Up' },
  { key: KEY.down, label: '↓', words: 'Down' },
  { key: KEY.right, label: '→', words: 'Right' },
];

/** Keys that an on-screen keyboard lacks. Ctrl and Alt stay down for the next key. */
export function KeyBar({ desk }: { desk: Desk }) {
  if (!desk.keyboard.value) return null;
  // Taking the focus would close the on-screen keyboard.
  const keep = (event: Event) => event.preventDefault();
  return (
    <div class="key-bar" role="group" aria-label="Keys">
      {LATCHES.map(({ latch, label }) => (
        <button
          key={latch}
          type="button"
          aria-pressed={desk.latched.value.has(latch)}
          onPointerDown={keep}
          onMouseDown={keep}
          onClick={() => desk.toggleLatch(latch)}
        >
          {label}
        </button>
      ))}
      {KEYS.map(({ key, label, words }) => (
        <button
          key={label}
          type="button"
          aria-label={words}
          onPointerDown={keep}
          onMouseDown={keep}
          onClick={() => desk.press(key)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
