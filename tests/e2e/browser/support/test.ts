import { test as base, expect, type BrowserContext, type Page } from '@playwright/test';
import { Desktop } from './desktop';
import { Product } from './product';

interface Everywhere {
  product: Product;
  /** Who is logged in, kept between tests: logins are rationed. */
  logins: Map<string, Awaited<ReturnType<BrowserContext['storageState']>>>;
}

interface Each {
  /** A page of `admin`'s. */
  admin: Page;
  /** A page of `demo`'s. */
  demo: Page;
  /** A running Terminal of `demo`'s; ended after the test. */
  terminal: Desktop;
}

export const test = base.extend<Each, Everywhere>({
  product: [
    async ({}, use) => {
      const product = await Product.start();
      await use(product);
      await product.stop();
    },
    { scope: 'worker', timeout: 180_000 },
  ],
  logins: [async ({}, use) => use(new Map()), { scope: 'worker' }],
  baseURL: async ({ product }, use) => use(product.url),

  admin: async ({ browser, product, logins }, use) => {
    const page = await pageOf(browser, product, logins, 'admin');
    await use(page);
    await page.context().close();
  },
  demo: async ({ browser, product, logins }, use) => {
    const page = await pageOf(browser, product, logins, 'demo');
    await use(page);
    await page.context().close();
  },
  terminal: async ({ demo, product }, use) => {
    const desktop = await Desktop.launch(demo, product, 'Terminal');
    await use(desktop);
    product.wire.mend();
    await desktop.end();
  },
});

export { expect };

async function pageOf(
  browser: import('@playwright/test').Browser,
  product: Product,
  logins: Everywhere['logins'],
  name: 'admin' | 'demo',
): Promise<Page> {
  const options = {
    baseURL: product.url,
    ignoreHTTPSErrors: true,
    permissions: ['clipboard-read', 'clipboard-write'],
  };
  const known = logins.get(name);
  const context = await browser.newContext(known ? { ...options, storageState: known } : options);
  const page = await context.newPage();
  if (!known) {
    await logIn(page, name, product.password(name));
    await expect(page.getByRole('heading', { level: 1, name: `Hello, ${name}` })).toBeVisible();
    logins.set(name, await context.storageState());
  }
  return page;
}

/** Fills in the login form and sends it. */
export async function logIn(page: Page, name: string, password: string): Promise<void> {
  if (!new URL(page.url(), 'https://x').pathname.startsWith('/login')) await page.goto('/login');
  await page.getByLabel('User name').fill(name);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}
