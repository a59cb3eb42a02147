import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const root = resolve(import.meta.dirname, '../../../..');
export const guests = process.env.GATEWRIGHT_GUESTS_DIR ?? join(root, 'target/guests');

/** How long a start may take on a loaded machine, ms. */
const START_MS = 120_000;
const STOP_MS = 60_000;

/** The program, and the environment that it is run in. */
export function gatewright(): { binary: string; env: NodeJS.ProcessEnv } {
  const binary = process.env.GATEWRIGHT_BIN ?? join(root, 'target/debug/gatewright');
  const webDist = process.env.GATEWRIGHT_WEB_DIST ?? join(root, 'web/dist');
  const engine = process.env.GATEWRIGHT_DOCKER_HOST;
  if (engine === undefined) {
    throw new Error('GATEWRIGHT_DOCKER_HOST names no engine: run these tests with cargo xtask test');
  }
  for (const [path, made] of [
    [binary, 'cargo build -p gatewright-app'],
    [join(guests, 'dlp-clipboard.wasm'), 'cargo xtask guests'],
    [join(webDist, 'index.html'), 'npm run build in web/'],
  ] as const) {
    if (!existsSync(path)) throw new Error(`${path} is missing: ${made}`);
  }
  return {
    binary,
    env: {
      ...process.env,
      GATEWRIGHT_CONFIG: undefined,
      GATEWRIGHT_DOCKER_HOST: engine,
      GATEWRIGHT_GUESTS_DIR: guests,
      GATEWRIGHT_WEB_DIST: webDist,
    },
  };
}

/** A `gatewright serve` that is up. */
export interface Process {
  log(): string;
  /** Asks it to stop and waits; fails where it did not end well. */
  stop(): Promise<void>;
}

/** Starts one and waits for the box that ends its start. */
export async function serve(args: string[], logFile: string): Promise<Process> {
  const { binary, env } = gatewright();
  const child = spawn(binary, ['serve', ...args], {
    env,
    stdio: ['ignore', 'pipe', openSync(logFile, 'a')],
  });
  const log = () => readFileSync(logFile, 'utf8');
  try {
    await up(child);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`it did not come up: ${String(error)}\n${log()}`);
  }
  const stop = async () => {
    const ended = new Promise<number | null>((done) => child.once('exit', done));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    const code = child.exitCode ?? (await ended);
    clearTimeout(timer);
    if (code !== 0) throw new Error(`it ended with ${String(code)}:\n${log()}`);
  };
  return { log, stop };
}

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

/** A program that has to be told its port: its public address is known before it listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
