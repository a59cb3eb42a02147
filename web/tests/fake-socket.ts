/** A scripted WebSocket: the test plays the server's side of RFB. */

const OPEN = 1;
const CLOSED = 3;

type Listener = (event: never) => void;

export class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = OPEN;
  static readonly CLOSING = 2;
  static readonly CLOSED = CLOSED;
  static made: FakeSocket[] = [];

  readyState = 0;
  binaryType = 'blob';
  protocol = '';
  onopen: Listener | null = null;
  onmessage: Listener | null = null;
  onclose: Listener | null = null;
  onerror: Listener | null = null;
  readonly sent: Uint8Array[] = [];
  private readonly listeners: Record<string, Listener[]> = {};

  constructor(
    readonly url: URL | string,
    readonly protocols: string[],
  ) {
    FakeSocket.made.push(this);
  }

  addEventListener(type: string, listener: Listener): void {
    (this.listeners[type] ??= []).push(listener);
  }

  send(data: Uint8Array): void {
    // noVNC reuses its buffer.
    this.sent.push(Uint8Array.from(data));
  }

  close(): void {
    // No status was given (RFC 6455 7.4.1).
    this.serverCloses(1005, '');
  }

  opens(): void {
    this.readyState = OPEN;
    this.tell('open', {});
  }

  says(...bytes: number[]): void {
    this.tell('message', { data: Uint8Array.from(bytes).buffer });
  }

  serverCloses(code: number, reason: string): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.tell('close', { code, reason });
  }

  /** RFC 6143 7.1 to 7.3 with security type None and a 2 x 1 desktop. */
  handshake(): void {
    this.opens();
    this.says(...text('RFB 003.008\n'));
    this.says(1, 1);
    this.says(0, 0, 0, 0);
    const format = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
    this.says(0, 2, 0, 1, ...format, 0, 0, 0, 4, ...text('desk'));
  }

  private tell(type: string, event: object): void {
    for (const listener of this.listeners[type] ?? []) listener(event as never);
    const own = { open: this.onopen, message: this.onmessage, close: this.onclose, error: this.onerror }[
      type
    ];
    own?.(event as never);
  }
}

export const text = (words: string): number[] => Array.from(words, (char) => char.charCodeAt(0));
