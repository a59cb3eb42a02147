import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Process, freePort, guests, serve } from './process';
import { Wire } from './wire';

/** The stricter clipboard version, built by `cargo xtask guests`. */
export const STRICTER = join(guests, 'dlp-clipboard@0.2.0.wasm');

/** The product in a process of its own, on a data folder of its own, behind a wire. */
export class Product {
  private constructor(
    private readonly process: Process,
    readonly dataDir: string,
    readonly wire: Wire,
    /** What people type: it leads through the wire. */
    readonly url: string,
    private readonly passwords: Map<string, string>,
  ) {}

  /** `peers`: other machines can join it. */
  static async start({ host = 'localhost', peers = false } = {}): Promise<Product> {
    if (!existsSync(STRICTER)) throw new Error(`${STRICTER} is missing: cargo xtask guests`);
    const dataDir = mkdtempSync(join(tmpdir(), 'gatewright-browser-'));
    const wire = await Wire.lay();
    const url = `https://${host}:${wire.port}`;
    const port = await freePort();
    const args = ['--listen', `127.0.0.1:${port}`, '--public-url', url, '--data-dir', dataDir];
    if (peers) args.push('--rpc-listen', `127.0.0.1:${await freePort()}`);
    try {
      const process = await serve(args, join(dataDir, 'test.log'));
      wire.leadTo(port);
      const passwords = readPasswords(join(dataDir, 'initial-passwords.toml'));
      return new Product(process, dataDir, wire, url, passwords);
    } catch (error) {
      await wire.remove();
      throw error;
    }
  }

  password(name: 'admin' | 'demo'): string {
    const password = this.passwords.get(name);
    if (password === undefined) throw new Error(`no password for ${name}`);
    return password;
  }

  /** What the host sees of a session's `~/Transfer`. */
  transferred(session: string, file: string): string | null {
    const path = join(this.dataDir, 'sessions', session, 'transfer', file);
    return existsSync(path) ? readFileSync(path, 'utf8') : null;
  }

  /** What it logged. */
  log(): string {
    return this.process.log();
  }

  /** Asks it to stop and waits. Whoever started sessions has ended them. */
  async stop(): Promise<void> {
    try {
      await this.process.stop();
    } finally {
      await this.wire.remove();
      rmSync(this.dataDir, { recursive: true, force: true });
    }
  }
}

/** `name = "password"` a line. */
function readPasswords(file: string): Map<string, string> {
  const entries = [...readFileSync(file, 'utf8').matchAll(/^(\w+)\s*=\s*"([^"]*)"/gm)];
  return new Map(entries.map(([, name, password]) => [name ?? '', password ?? '']));
}
