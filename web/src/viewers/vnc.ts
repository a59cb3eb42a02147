/** A container desktop, by noVNC. RFB (RFC 6143) stays in this file. */
import RFB from '@novnc/novnc';
import type { Key } from '../session/keysyms';
import { Heartbeat } from './heartbeat';
import { takeStill } from './still';
import type { ScaleMode, Viewer, ViewerEvents, ViewerSession } from './viewer';

/** No close frame came (RFC 6455 7.4.1). */
const ABNORMAL = 1006;
/** How long the last picture covers a new connection, until its own first picture is surely drawn. */
const STILL_MS = 350;

/** FramebufferUpdateRequest for one pixel, not incremental (RFC 6143 7.5.3): a desktop that lives must answer. */
const PROBE = new Uint8Array([3, 0, 0, 0, 0, 0, 0, 1, 0, 1]);

export class VncViewer implements Viewer {
  private rfb: RFB | null = null;
  private socket: WebSocket | null = null;
  private el: HTMLElement | null = null;
  private still: HTMLCanvasElement | null = null;
  private heartbeat: Heartbeat | null = null;
  private scale: ScaleMode = 'fit';
  private panning = false;
  private followSmall = false;
  private isOpen = false;
  private stillTimer = 0;

  constructor(private readonly events: ViewerEvents) {}

  mount(el: HTMLElement, session: ViewerSession): void {
    this.disconnect();
    this.el = el;
    this.followSmall = session.followSmall;
    const url = new URL(`${session.baseUrl}vnc`, location.href);
    url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:';
    const socket = new WebSocket(url, ['binary']);
    this.socket = socket;
    // Before noVNC sees the socket: on a close the picture has to be taken before noVNC removes it.
    socket.addEventListener('close', (event) => this.gone(socket, event.code, event.reason));
    const heartbeat = new Heartbeat(
      () => {
        // Whole messages only leave noVNC, so that this one never lands inside another.
        if (this.isOpen && socket.readyState === WebSocket.OPEN) socket.send(PROBE);
      },
      () => this.gone(socket, ABNORMAL, ''),
    );
    this.heartbeat = heartbeat;
    socket.addEventListener('message', () => heartbeat.heard());

    const rfb = new RFB(el, socket, { shared: true });
    this.rfb = rfb;
    rfb.viewOnly = session.viewOnly;
    rfb.focusOnClick = true;
    rfb.showDotCursor = true;
    rfb.background = 'transparent';
    this.applyScale();
    rfb.addEventListener('connect', () => {
      if (this.rfb !== rfb) return;
      this.isOpen = true;
      heartbeat.start();
      this.stillTimer = window.setTimeout(() => this.clearStill(), STILL_MS);
      this.events.opened();
    });
    rfb.addEventListener('securityfailure', () => this.gone(socket, ABNORMAL, ''));
    rfb.addEventListener('disconnect', () => this.gone(socket, ABNORMAL, ''));
    rfb.addEventListener('clipboard', (event) => {
      if (this.rfb === rfb) this.events.clipboard(event.detail.text);
    });
  }

  resize(): void {
    // noVNC watches its own element; a nudge is needed only after the browser zoomed without a size change.
    this.applyScale();
  }

  setScale(mode: ScaleMode): void {
    this.scale = mode;
    this.applyScale();
  }

  setPanning(on: boolean): void {
    this.panning = on;
    this.applyScale();
  }

  sendClipboard(text: string): void {
    this.rfb?.clipboardPasteFrom(text);
  }

  sendKey(key: Key, down: boolean): void {
    this.rfb?.sendKey(key.keysym, key.code, down);
  }

  focus(): void {
    this.rfb?.focus({ preventScroll: true });
  }

  drop(): void {
    if (this.socket) this.gone(this.socket, ABNORMAL, '');
  }

  dispose(): void {
    this.disconnect();
    this.clearStill();
    this.el = null;
  }

  /** The connection is lost: keep its last picture, free the rest, tell it once. */
  private gone(socket: WebSocket, code: number, reason: string): void {
    if (this.socket !== socket) return;
    const picture = this.isOpen && this.el ? takeStill(this.el) : null;
    if (picture) {
      this.clearStill();
      this.still = picture;
    }
    const el = this.el;
    this.disconnect();
    if (picture && el) el.append(picture);
    this.events.closed(code, reason);
  }

  private disconnect(): void {
    window.clearTimeout(this.stillTimer);
    this.heartbeat?.stop();
    this.heartbeat = null;
    this.isOpen = false;
    // Forgotten first: what noVNC still tells while it closes is no news.
    const { rfb, socket } = this;
    this.rfb = null;
    this.socket = null;
    rfb?.disconnect();
    if (socket && socket.readyState < WebSocket.CLOSING) socket.close();
  }

  private clearStill(): void {
    this.still?.remove();
    this.still = null;
  }

  private applyScale(): void {
    if (!this.rfb) return;
    this.rfb.scaleViewport = this.scale === 'fit';
    // A mouse has scroll bars; a finger moves a cut-out of the picture.
    this.rfb.clipViewport = this.scale === 'actual' && matchMedia('(pointer: coarse)').matches;
    this.rfb.dragViewport = this.panning;
    // The desktop takes the window's size where it may; fitting covers the rest.
    this.rfb.resizeSession = this.scale === 'fit' && (this.followSmall || window.innerWidth >= 640);
  }
}
