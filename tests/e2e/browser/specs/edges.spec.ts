import type { Page } from '@playwright/test';
import { Desktop } from '../support/desktop';
import { Edge } from '../support/edge';
import { Product } from '../support/product';
import { expect, logIn, test as base } from '../support/test';

/** Two ways in, of two sites: no cookie of one is seen by the other. */
const test = base.extend<object, { north: Product; south: Edge }>({
  north: [
    async ({}, use) => {
      const north = await Product.start({ host: 'north.test', peers: true });
      await use(north);
      await north.stop();
    },
    { scope: 'worker', timeout: 180_000 },
  ],
  south: [
    async ({ north }, use) => {
      const south = await Edge.join(north, { host: 'south.test', zone: 'south' });
      await use(south);
      await south.stop();
    },
    { scope: 'worker', timeout: 180_000 },
  ],
  baseURL: async ({ north }, use) => use(north.url),
});

const CONTINUE = /^Continue through south/;

/** Waits until a page has measured how far an edge is: it asks four times. */
async function measured(page: Page, url: string): Promise<void> {
  let answers = 0;
  await page.waitForResponse((response) => {
    if (response.url() === `${url}/healthz`) answers += 1;
    return answers === 4;
  });
}

test('the nearer edge is offered, and leads there without a second login', async ({ page, north, south }) => {
  north.wire.slow(60);
  await page.goto(`${north.url}/login`);
  await logIn(page, 'demo', north.password('demo'));
  await expect(page.getByText('There is a quicker way for you')).toBeVisible();
  await page.getByRole('button', { name: CONTINUE }).click();
  await page.waitForURL(`${south.url}/`);
  await expect(page.getByRole('heading', { level: 1, name: 'Hello, demo' })).toBeVisible();
  // From there the other one is the farther one.
  await expect(page.getByRole('heading', { name: 'Terminal' })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Continue through/ })).toHaveCount(0);

  // Who wants to stay is not asked again.
  await page.goto(`${north.url}/`);
  await page.getByRole('button', { name: 'Stay here' }).click();
  await expect(page.getByText('There is a quicker way for you')).toHaveCount(0);
  const again = measured(page, north.url);
  await page.reload();
  await again;
  await expect(page.getByRole('heading', { name: 'Terminal' })).toBeVisible();
  await expect(page.getByText('There is a quicker way for you')).toHaveCount(0);

  // The logins end together.
  await page.getByRole('button', { name: /^Account/ }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Log in' })).toBeVisible();
  await page.goto(`${south.url}/`);
  await expect(page.getByRole('heading', { level: 1, name: 'Log in' })).toBeVisible();
  north.wire.slow(0);
});

test('when an edge dies under an open desktop, another one is offered and the work goes on', async ({
  page,
  north,
  south,
}) => {
  await page.goto(`${north.url}/login`);
  await logIn(page, 'demo', north.password('demo'));
  await expect(page.getByRole('heading', { level: 1, name: 'Hello, demo' })).toBeVisible();
  const terminal = await Desktop.launch(page, north, 'Terminal');
  await terminal.run('kept=$$; echo $kept > ~/Transfer/first.txt');

  north.wire.cut();
  await page.getByRole('button', { name: CONTINUE }).click();
  await page.waitForURL(`${south.url}/sessions/${terminal.session}`);
  await terminal.connected();
  await terminal.run('echo $kept > ~/Transfer/second.txt');
  expect(terminal.transferred('second.txt')).toBe(terminal.transferred('first.txt'));

  // Elsewhere than in a session, too.
  north.wire.mend();
  const code = page.waitForResponse('**/api/v1/handover');
  await page.goto(`${north.url}/`);
  await expect(page.getByRole('heading', { level: 1, name: 'Hello, demo' })).toBeVisible();
  await code;
  north.wire.cut();
  await expect(page.getByText('This address does not answer')).toBeVisible({ timeout: 60_000 });
  await page.getByRole('button', { name: CONTINUE }).click();
  await page.waitForURL(`${south.url}/`);
  await expect(page.getByRole('heading', { level: 1, name: 'Hello, demo' })).toBeVisible();
  north.wire.mend();
  await page.goto(`${south.url}/sessions/${terminal.session}`);
  await terminal.end();
});
