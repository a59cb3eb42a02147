import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { VncViewer } from '../src/viewers/vnc';
import { FakeSocket, text } from './fake-socket';

/** A drawing context that takes everything: what is drawn is noVNC's business. */
const context = new Proxy(
  { canvas: null },
  {
    get: (_target, name) =>
      name === 'createImageData' || name === 'getImageData'
        ? (width: number, height: number) => ({
            data: new Uint8ClampedArray(width * height * 4),
            width,
            height,
          })
        : () => undefined,
    set: () => true,
  },
);

const setUp = () => {
  const el = document.createElement('div');
  document.body.append(el);
  const log: string[] = [];
  const viewer = new VncViewer({
    opened: () => log.push('opened'),
    closed: (code, reason) => log.push(`closed ${code} ${reason}`),
    clipboard: (words) => log.push(`clipboard ${words}`),
  });
  viewer.mount(el, { baseUrl: '/session/s1/', viewOnly: false, followSmall: false });
  return { el, viewer, log, socket: FakeSocket.made.at(-1)! };
};

const types = (socket: FakeSocket) => socket.sent.map((message) => message[0]);

describe('VncViewer', () => {
  beforeEach(() => {
    FakeSocket.made = [];
    vi.stubGlobal('WebSocket', FakeSocket);
    vi.stubGlobal('isSecureContext', true);
    vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(context as never);
    vi.spyOn(HTMLCanvasElement.prototype, 'toDataURL').mockReturnValue('data:,');
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    document.body.replaceChildren();
  });

  it('connects to its own path, as binary, and tells when it is open', () => {
    const { socket, log } = setUp();
    expect(String(socket.url)).toMatch(/^ws:\/\/.*\/session\/s1\/vnc$/);
    expect(socket.protocols).toEqual(['binary']);
    expect(log).toEqual([]);
    socket.handshake();
    expect(log).toEqual(['opened']);
  });

  it('hands out text that was copied inside', () => {
    const { socket, log } = setUp();
    socket.handshake();
    const words = text('copied');
    socket.says(3, 0, 0, 0, 0, 0, 0, words.length, ...words);
    expect(log).toEqual(['opened', 'clipboard copied']);
  });

  it('sends text before the key that follows it', () => {
    const { socket, viewer } = setUp();
    socket.handshake();
    const before = socket.sent.length;
    viewer.sendClipboard('in');
    viewer.sendKey({ keysym: 0x76, code: 'KeyV' }, true);
    const sent = socket.sent.slice(before);
    expect(sent.map((message) => message[0])).toEqual([6, 4]);
    expect(Array.from(sent[0]!.slice(8))).toEqual(text('in'));
    expect(Array.from(sent[1]!)).toEqual([4, 1, 0, 0, 0, 0, 0, 0x76]);
  });

  it('sends no clipboard by itself', () => {
    const { socket, viewer, el } = setUp();
    socket.handshake();
    viewer.focus();
    window.dispatchEvent(new Event('focus'));
    el.querySelector('canvas')?.dispatchEvent(new Event('focus'));
    expect(types(socket)).not.toContain(6);
  });

  it('tells a close once, with the code and the words, and keeps the last picture', () => {
    const { socket, log, el } = setUp();
    socket.handshake();
    socket.serverCloses(4002, 'You ended this session.');
    expect(log).toEqual(['opened', 'closed 4002 You ended this session.']);
    expect(el.querySelectorAll('canvas')).toHaveLength(1);
    expect(el.querySelector('canvas')?.className).toBe('viewer-still');
  });

  it('connects again into the same element, and the old picture goes away', () => {
    vi.useFakeTimers();
    const { socket, viewer, el, log } = setUp();
    socket.handshake();
    socket.serverCloses(1006, '');
    viewer.mount(el, { baseUrl: '/session/s1/', viewOnly: false, followSmall: false });
    FakeSocket.made.at(-1)!.handshake();
    expect(log).toEqual(['opened', 'closed 1006 ', 'opened']);
    vi.advanceTimersByTime(1_000);
    expect(el.querySelectorAll('.viewer-still')).toHaveLength(0);
    expect(el.querySelectorAll('canvas')).toHaveLength(1);
    vi.useRealTimers();
  });

  it('calls a desktop that stops answering lost', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const { socket, log } = setUp();
    socket.handshake();
    const before = socket.sent.length;
    vi.advanceTimersByTime(15_000);
    const probe = socket.sent.slice(before).find((message) => message[0] === 3);
    expect(Array.from(probe!)).toEqual([3, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
    vi.advanceTimersByTime(15_000);
    expect(log).toEqual(['opened', 'closed 1006 ']);
    vi.useRealTimers();
  });

  it('says nothing after it was disposed of, and leaves nothing', () => {
    const { socket, viewer, el, log } = setUp();
    socket.handshake();
    viewer.dispose();
    socket.serverCloses(1006, '');
    expect(log).toEqual(['opened']);
    expect(el.querySelectorAll('canvas')).toHaveLength(0);
  });

  it('a server that does not speak RFB is a lost connection', () => {
    const { socket, log } = setUp();
    socket.opens();
    socket.says(...text('HTTP/1.1 400'));
    expect(log).toEqual(['closed 1005 ']);
  });
});
