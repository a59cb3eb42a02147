import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Process, freePort, gatewright, serve } from './process';
import type { Product } from './product';

/** An edge in a process of its own, which has joined a product. */
export class Edge {
  private constructor(
    private readonly process: Process,
    private readonly dataDir: string,
    readonly url: string,
  ) {}

  /** Adds it as an administrator does: a token there, two commands here. */
  static async join(product: Product, { host, zone }: { host: string; zone: string }): Promise<Edge> {
    const dataDir = mkdtempSync(join(tmpdir(), 'gatewright-edge-'));
    const { binary, env } = gatewright();
    const run = (args: string[]) => execFileSync(binary, args, { env, encoding: 'utf8' });
    const added = run([
      'node',
      'add',
      '--role',
      'dedicated-proxy',
      '--zone',
      zone,
      '--data-dir',
      product.dataDir,
    ]);
    const command = /^\s*gatewright (join .*)$/m.exec(added)?.[1];
    if (command === undefined) throw new Error(`no command to join with:\n${added}`);
    run([...command.split(' '), '--name', zone, '--data-dir', dataDir]);
    const port = await freePort();
    const url = `https://${host}:${port}`;
    const args = ['--listen', `127.0.0.1:${port}`, '--public-url', url, '--data-dir', dataDir];
    return new Edge(await serve(args, join(dataDir, 'test.log')), dataDir, url);
  }

  async stop(): Promise<void> {
    await this.process.stop();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
