import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bridgePaste, pasteChord, type PasteProblem } from '../src/session/paste';

/** A desktop that writes down what reaches it, in order. */
function setUp(readText?: () => Promise<string>) {
  document.body.innerHTML = '<div id="host"><canvas tabindex="-1"></canvas><textarea></textarea></div>';
  const host = document.querySelector<HTMLElement>('#host')!;
  const canvas = document.querySelector('canvas')!;
  const proxy = document.querySelector('textarea')!;
  const log: string[] = [];
  const problems: PasteProblem[] = [];
  // Stands for noVNC, which takes every key that reaches the canvas.
  canvas.addEventListener('keydown', (event) => {
    log.push(`noVNC:${event.key}`);
    event.preventDefault();
  });
  const undo = bridgePaste({
    host,
    proxy,
    readText,
    sink: {
      sendClipboard: (text) => log.push(`text:${text}`),
      sendKey: (key, down) => log.push(`${down ? '+' : '-'}${key.keysym.toString(16)}`),
      focus: () => canvas.focus(),
    },
    problem: (problem) => problems.push(problem),
  });
  const key = (name: string, init: KeyboardEventInit = {}) => {
    const event = new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true, ...init });
    canvas.dispatchEvent(event);
    return event;
  };
  const paste = (text: string | null, types = ['text/plain']) => {
    const event = new Event('paste', { bubbles: true, cancelable: true });
    Object.assign(event, {
      clipboardData: { getData: () => text ?? '', types: text === null ? types : ['text/plain'] },
    });
    (document.activeElement ?? host).dispatchEvent(event);
  };
  return { canvas, proxy, log, problems, undo, key, paste };
}

describe('the paste key', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('is held back until the text is on its way', () => {
    const { key, paste, log, canvas } = setUp();
    canvas.focus();
    key('Control', { code: 'ControlLeft', ctrlKey: true });
    const event = key('v', { code: 'KeyV', ctrlKey: true });
    expect(event.defaultPrevented).toBe(false);
    expect(log).toEqual(['noVNC:Control']);
    paste('hello');
    expect(log).toEqual(['noVNC:Control', 'text:hello', '+76', '-76']);
    expect(document.activeElement).toBe(canvas);
  });

  it('arrives as Ctrl+V from a Mac, without Cmd', () => {
    const { key, paste, log } = setUp();
    key('v', { code: 'KeyV', metaKey: true });
    paste('x');
    expect(log).toEqual(['text:x', '-ffe9', '+ffe3', '+76', '-76', '-ffe3']);
  });

  it('keeps Shift for terminals', () => {
    const { key, paste, log } = setUp();
    key('V', { code: 'KeyV', ctrlKey: true, shiftKey: true });
    paste('x');
    expect(log).toEqual(['text:x', '+56', '-56']);
  });

  it('knows Shift+Insert', () => {
    const { key, paste, log } = setUp();
    key('Insert', { code: 'Insert', shiftKey: true });
    paste('x');
    expect(log).toEqual(['text:x', '+ff63', '-ff63']);
  });

  it('presses Control itself when it was let go while the browser asked', async () => {
    let give: (text: string) => void = () => undefined;
    const { key, log, canvas } = setUp(() => new Promise((resolve) => (give = resolve)));
    key('v', { code: 'KeyV', ctrlKey: true });
    window.dispatchEvent(new KeyboardEvent('keyup', { key: 'Control' }));
    await vi.advanceTimersByTimeAsync(300);
    expect(document.activeElement).toBe(canvas);
    give('late');
    await vi.advanceTimersByTimeAsync(0);
    expect(log).toEqual(['text:late', '+ffe3', '+76', '-76', '-ffe3']);
  });

  it('is served once when the paste event comes late', async () => {
    const { key, paste, log } = setUp(() => Promise.resolve('text'));
    key('v', { code: 'KeyV', ctrlKey: true });
    await vi.advanceTimersByTimeAsync(300);
    paste('text');
    expect(log).toEqual(['text:text', '+76', '-76']);
  });

  it('asks for the paste box when the browser refuses', async () => {
    const { key, log, problems } = setUp(() => Promise.reject(new Error('NotAllowedError')));
    key('v', { code: 'KeyV', ctrlKey: true });
    await vi.advanceTimersByTimeAsync(300);
    expect(problems).toEqual(['refused']);
    expect(log).toEqual([]);
  });

  it('asks for the paste box where nothing can be read at all', async () => {
    const { key, problems } = setUp();
    key('v', { code: 'KeyV', ctrlKey: true });
    await vi.advanceTimersByTimeAsync(300);
    expect(problems).toEqual(['refused']);
  });

  it('says so when there is something, but no text', () => {
    const { key, paste, log, problems } = setUp();
    key('v', { code: 'KeyV', ctrlKey: true });
    paste(null, ['Files']);
    expect(problems).toEqual(['no-text']);
    expect(log).toEqual([]);
  });

  it('passes the key with an empty clipboard, and offers nothing', () => {
    const { key, paste, log } = setUp();
    key('v', { code: 'KeyV', ctrlKey: true });
    paste(null, []);
    expect(log).toEqual(['+76', '-76']);
  });

  it('never reads the clipboard on focus or on another key', () => {
    const readText = vi.fn(() => Promise.resolve('secret'));
    const { key, canvas, log } = setUp(readText);
    canvas.focus();
    window.dispatchEvent(new Event('focus'));
    key('c', { code: 'KeyC', ctrlKey: true });
    key('v', { code: 'KeyV' });
    vi.runAllTimers();
    expect(readText).not.toHaveBeenCalled();
    expect(log).toEqual(['noVNC:c', 'noVNC:v']);
  });

  it('lets go when the page leaves', () => {
    const { key, undo, log } = setUp();
    undo();
    key('v', { code: 'KeyV', ctrlKey: true });
    expect(log).toEqual(['noVNC:v']);
  });
});

describe('pasteChord', () => {
  it('leaves AltGr and Ctrl+Cmd combinations alone', () => {
    const event = (init: KeyboardEventInit) =>
      new KeyboardEvent('keydown', { key: 'v', code: 'KeyV', ...init });
    expect(pasteChord(event({ ctrlKey: true, altKey: true }))).toBeNull();
    expect(pasteChord(event({ ctrlKey: true, metaKey: true }))).toBeNull();
    expect(pasteChord(event({}))).toBeNull();
  });
});
