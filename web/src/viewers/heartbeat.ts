/** Finds out that a silent connection is dead: a changed address or a pulled cable closes no socket by itself. */

/** After this much silence the other side is asked for an answer, ms. */
export const QUIET_MS = 12_000;
/** How long an answer may take, ms. */
export const ANSWER_MS = 10_000;
const LOOK_MS = 2_000;

export class Heartbeat {
  private timer = 0;
  private heardAt = 0;
  private askedAt: number | null = null;

  constructor(
    private readonly ask: () => void,
    private readonly dead: () => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  start(): void {
    this.stop();
    this.heard();
    this.timer = window.setInterval(() => this.look(), LOOK_MS);
  }

  stop(): void {
    window.clearInterval(this.timer);
  }

  /** Something came in. */
  heard(): void {
    this.heardAt = this.now();
    this.askedAt = null;
  }

  /** Asks at once, as when the network changed. */
  askNow(): void {
    if (this.askedAt === null) {
      this.askedAt = this.now();
      this.ask();
    }
  }

  private look(): void {
    const now = this.now();
    if (this.askedAt === null) {
      if (now - this.heardAt >= QUIET_MS) this.askNow();
    } else if (now - this.askedAt >= ANSWER_MS) {
      this.stop();
      this.dead();
    }
  }
}
