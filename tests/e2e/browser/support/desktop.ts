import { expect, type Locator, type Page } from '@playwright/test';
import { keysFor } from './keys';
import type { Product } from './product';

/** A session on the screen, used with mouse and keyboard as a person does. */
export class Desktop {
  private constructor(
    readonly page: Page,
    private readonly product: Product,
    readonly session: string,
  ) {}

  /** Launches a workspace from the home page and waits for its desktop. */
  static async launch(page: Page, product: Product, workspace: string): Promise<Desktop> {
    await page.goto('/');
    const card = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: workspace }) });
    await card.getByRole('button', { name: /^Launch/ }).click();
    await page.waitForURL('**/sessions/*');
    const desktop = Desktop.at(page, product);
    await desktop.connected();
    return desktop;
  }

  /** The session that a page is at. */
  static at(page: Page, product: Product): Desktop {
    return new Desktop(page, product, new URL(page.url()).pathname.split('/')[2] ?? '');
  }

  get screen(): Locator {
    return this.page.locator('.screen');
  }

  /** Waits until the connection stands and something is drawn. */
  async connected(): Promise<void> {
    await expect(this.screen).toHaveAttribute('data-state', 'connected', { timeout: 90_000 });
    await expect.poll(() => this.colours(), { message: 'the desktop is blank' }).toBeGreaterThan(2);
  }

  /** How many different colours the picture has: a blank one has one. */
  colours(): Promise<number> {
    return this.page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('.screen canvas:not(.viewer-still)');
      const context = canvas?.getContext('2d');
      if (!canvas || !context || canvas.width === 0) return 0;
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    });
  }

  /** Clicks into the picture, so that keys go to the desktop. */
  async focus(): Promise<void> {
    await this.screen
      .locator('canvas')
      .last()
      .click({ position: { x: 40, y: 200 } });
  }

  /** Types with single key presses. */
  async type(text: string): Promise<void> {
    for (const key of keysFor(text)) await this.page.keyboard.press(key);
  }

  /** Types a shell command and waits until it has run. */
  async run(command: string): Promise<void> {
    const mark = `done-${Math.random().toString(36).slice(2)}`;
    await this.focus();
    await this.type(`${command}; touch ~/Transfer/${mark}\n`);
    await expect
      .poll(() => this.product.transferred(this.session, mark), { message: `“${command}” did not run` })
      .not.toBeNull();
  }

  /** What a file in `~/Transfer` holds, seen from the host. */
  transferred(file: string): string | null {
    return this.product.transferred(this.session, file);
  }

  /** Puts text into the person's own clipboard. */
  async setClipboard(text: string): Promise<void> {
    await this.page.evaluate((value) => navigator.clipboard.writeText(value), text);
  }

  clipboard(): Promise<string> {
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /**
   * Pastes a line from the person's clipboard with the terminal's own key into a file in `~/Transfer`, up to `arrived`.
   * The line ends in the pasted text: what is typed after a paste may be read before it.
   */
  async pasteInto(file: string, line: string, arrived?: () => Promise<void>): Promise<void> {
    await this.setClipboard(`${line}\n`);
    await this.focus();
    await this.type(`cat > ~/Transfer/${file}\n`);
    await expect.poll(() => this.transferred(file), { message: 'cat does not run' }).not.toBeNull();
    await this.page.keyboard.press('Control+Shift+KeyV');
    if (arrived) await arrived();
    else await expect.poll(() => this.transferred(file), { message: 'nothing was pasted' }).not.toBe('');
    await this.page.keyboard.press('Control+KeyD');
    await this.run('true');
  }

  /** A notice over the picture with these words. */
  notice(words: RegExp): Locator {
    return this.page.locator('.toast').filter({ hasText: words });
  }

  /** Ends the session, however the page is. */
  async end(): Promise<void> {
    await this.page.goto('/');
    const status = await this.page.evaluate(async (id) => {
      const me = (await (await fetch('/api/v1/me')).json()) as { csrf_token: string };
      const headers = { 'x-csrf-token': me.csrf_token };
      const url = `/api/v1/sessions/${id}`;
      await fetch(url, { method: 'DELETE', headers });
      for (let tries = 0; tries < 300; tries += 1) {
        const session = (await (await fetch(url)).json()) as { state: string };
        if (session.state === 'ended' || session.state === 'failed') return session.state;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      return 'still there';
    }, this.session);
    expect(status).toMatch(/^(ended|failed)$/);
  }
}
