import { createServer, connect, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/** A TCP proxy between browser and product: a network cable that a test can cut, or make longer. */
export class Wire {
  private readonly sockets = new Set<Socket>();
  private target = 0;
  private up = true;
  private delay = 0;

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  /** Listens on a free port of the loopback; `leadTo` says where it leads. */
  static async lay(): Promise<Wire> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const wire = new Wire(server, address.port);
    server.on('connection', (socket) => wire.join(socket));
    return wire;
  }

  leadTo(port: number): void {
    this.target = port;
  }

  /** Breaks every connection and lets none through until `mend`. */
  cut(): void {
    this.up = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.up = true;
  }

  /** Whatever is sent takes this much longer, ms. */
  slow(ms: number): void {
    this.delay = ms;
  }

  async remove(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(near: Socket): void {
    if (!this.up) {
      near.destroy();
      return;
    }
    const far = connect(this.target, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(one);
      one.setNoDelay(true);
      one.pipe(this.way()).pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
    }
  }

  /** As long as the wire is: what comes in goes out later, in the same order. */
  private way(): Transform {
    const wire = this;
    return new Transform({
      readableHighWaterMark: 1 << 20,
      transform(piece: Buffer, _, done) {
        if (wire.delay === 0) done(null, piece);
        else setTimeout(() => done(null, piece), wire.delay);
      },
    });
  }
}
