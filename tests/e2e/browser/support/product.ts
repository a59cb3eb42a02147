import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { Wire } from './wire';

const root = resolve(import.meta.dirname, '../../../..');
const guests = process.env.GATEWRIGHT_GUESTS_DIR ?? join(root, 'target/guests');

/** How long a start may take on a loaded machine, ms. */
const START_MS = 120_000;
const STOP_MS = 60_000;

/** The stricter clipboard version, built by `cargo xtask guests`. */
export const STRICTER = join(guests, 'dlp-clipboard@0.2.0.wasm');

/** The product in a process of its own, on a data folder of its own, behind a wire. */
export class Product {
  private constructor(
    private readonly child: ChildProcess,
    readonly dataDir: string,
    readonly wire: Wire,
    /** What people type: it leads through the wire. */
    readonly url: string,
    private readonly passwords: Map<string, string>,
  ) {}

  static async start(): Promise<Product> {
    const binary = process.env.GATEWRIGHT_BIN ?? join(root, 'target/debug/gatewright');
    const webDist = process.env.GATEWRIGHT_WEB_DIST ?? join(root, 'web/dist');
    const engine = process.env.GATEWRIGHT_DOCKER_HOST;
    if (engine === undefined) {
      throw new Error('GATEWRIGHT_DOCKER_HOST names no engine: run these tests with cargo xtask test');
    }
    for (const [path, made] of [
      [binary, 'cargo build -p gatewright-app'],
      [STRICTER, 'cargo xtask guests'],
      [join(webDist, 'index.html'), 'npm run build in web/'],
    ] as const) {
      if (!existsSync(path)) throw new Error(`${path} is missing: ${made}`);
    }

    const dataDir = mkdtempSync(join(tmpdir(), 'gatewright-browser-'));
    const wire = await Wire.lay();
    const url = `https://localhost:${wire.port}`;
    const log = join(dataDir, 'test.log');
    const port = await freePort();
    const child = spawn(
      binary,
      ['serve', '--listen', `127.0.0.1:${port}`, '--public-url', url, '--data-dir', dataDir],
      {
        env: {
          ...process.env,
          GATEWRIGHT_CONFIG: undefined,
          GATEWRIGHT_DOCKER_HOST: engine,
          GATEWRIGHT_GUESTS_DIR: guests,
          GATEWRIGHT_WEB_DIST: webDist,
        },
        stdio: ['ignore', 'pipe', openSync(log, 'a')],
      },
    );
    try {
      await up(child);
      wire.leadTo(port);
      const passwords = readPasswords(join(dataDir, 'initial-passwords.toml'));
      return new Product(child, dataDir, wire, url, passwords);
    } catch (error) {
      child.kill('SIGKILL');
      await wire.remove();
      throw new Error(`the product did not come up: ${String(error)}\n${readFileSync(log, 'utf8')}`);
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
    return readFileSync(join(this.dataDir, 'test.log'), 'utf8');
  }

  /** Asks it to stop and waits. Whoever started sessions has ended them. */
  async stop(): Promise<void> {
    const ended = new Promise<number | null>((done) => this.child.once('exit', done));
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    const code = this.child.exitCode ?? (await ended);
    clearTimeout(timer);
    await this.wire.remove();
    const log = this.log();
    rmSync(this.dataDir, { recursive: true, force: true });
    if (code !== 0) throw new Error(`it ended with ${String(code)}:\n${log}`);
  }
}

/** Waits for the box that ends its start. */
async function up(child: ChildProcess): Promise<void> {
  if (!child.stdout) throw new Error('no standard output');
  const lines = createInterface(child.stdout);
  return new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error('no box in time')), START_MS);
    child.once('error', failed);
    child.once('exit', (code) => failed(new Error(`it ended with ${String(code)}`)));
    lines.on('line', (line) => {
      if (!line.startsWith('└')) return;
      clearTimeout(timer);
      done();
    });
  });
}

/** The product has to be told its port: its public address is the wire's. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** `name = "password"` a line. */
function readPasswords(file: string): Map<string, string> {
  const entries = [...readFileSync(file, 'utf8').matchAll(/^(\w+)\s*=\s*"([^"]*)"/gm)];
  return new Map(entries.map(([, name, password]) => [name ?? '', password ?? '']));
}
