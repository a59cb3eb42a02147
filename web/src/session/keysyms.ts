/** X keysyms (X11 keysymdef.h) for the keys that the page sends by itself. */

export interface Key {
  keysym: number;
  /** KeyboardEvent.code, where there is a physical key. */
  code: string;
}

export const KEY = {
  backspace: { keysym: 0xff08, code: 'Backspace' },
  tab: { keysym: 0xff09, code: 'Tab' },
  enter: { keysym: 0xff0d, code: 'Enter' },
  escape: { keysym: 0xff1b, code: 'Escape' },
  control: { keysym: 0xffe3, code: 'ControlLeft' },
  alt: { keysym: 0xffe9, code: 'AltLeft' },
  shift: { keysym: 0xffe1, code: 'ShiftLeft' },
  metaLeft: { keysym: 0xffe7, code: 'MetaLeft' },
  insert: { keysym: 0xff63, code: 'Insert' },
  left: { keysym: 0xff51, code: 'ArrowLeft' },
  up: { keysym: 0xff52, code: 'ArrowUp' },
  right: { keysym: 0xff53, code: 'ArrowRight' },
  down: { keysym: 0xff54, code: 'ArrowDown' },
  v: { keysym: 0x76, code: 'KeyV' },
  /** With Shift: an X server would lift Shift again to make a small v. */
  capitalV: { keysym: 0x56, code: 'KeyV' },
} as const satisfies Record<string, Key>;

/** The keysym of a character: Latin-1 as it is, everything else in the Unicode range. */
export function keysymOf(char: string): number {
  if (char === '\n' || char === '\r') return KEY.enter.keysym;
  if (char === '\t') return KEY.tab.keysym;
  const point = char.codePointAt(0) ?? 0;
  if ((point >= 0x20 && point <= 0x7e) || (point >= 0xa0 && point <= 0xff)) return point;
  return 0x0100_0000 | point;
}

/** What turns `before` into `after` when typed: backspaces, then characters. For on-screen keyboards. */
export function typedDifference(before: string, after: string): { backspaces: number; text: string[] } {
  const old = Array.from(before);
  const now = Array.from(after);
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same += 1;
  return { backspaces: old.length - same, text: now.slice(same) };
}
