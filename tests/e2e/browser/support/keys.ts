/** The keys that write a text on a US keyboard, as a person presses them: with Shift where it takes Shift. */

const SHIFTED: Record<string, string> = {
  '!': 'Digit1',
  '@': 'Digit2',
  '#': 'Digit3',
  $: 'Digit4',
  '%': 'Digit5',
  '^': 'Digit6',
  '&': 'Digit7',
  '*': 'Digit8',
  '(': 'Digit9',
  ')': 'Digit0',
  _: 'Minus',
  '+': 'Equal',
  '{': 'BracketLeft',
  '}': 'BracketRight',
  '|': 'Backslash',
  ':': 'Semicolon',
  '"': 'Quote',
  '<': 'Comma',
  '>': 'Period',
  '?': 'Slash',
  '~': 'Backquote',
};

/** Key names for Playwright's `keyboard.press`. */
export const keysFor = (text: string): string[] =>
  [...text].map((char) => {
    if (char === '\n') return 'Enter';
    if (char === ' ') return 'Space';
    const shifted = SHIFTED[char];
    if (shifted !== undefined) return `Shift+${shifted}`;
    return /[A-Z]/.test(char) ? `Shift+Key${char}` : char;
  });
