import { expect, logIn, test } from '../support/test';

test('a wrong password is told, the right one leads to where the person was going', async ({
  page,
  product,
}) => {
  await page.goto('/activity');
  await expect(page).toHaveURL(/\/login\?next=%2Factivity$/);
  await logIn(page, 'admin', 'not the password');
  await expect(page.getByRole('alert')).toHaveText('The user name or the password is wrong.');
  await logIn(page, 'admin', product.password('admin'));
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Activity');
});

test('guessing is slowed down, and the page says for how long', async ({ page, product }) => {
  await page.goto('/login');
  const statuses = await page.evaluate(async () => {
    const seen: number[] = [];
    for (let tries = 0; tries < 21; tries += 1) {
      const body = JSON.stringify({ username: 'nobody', password: `guess ${tries}` });
      const answer = await fetch('/api/v1/login', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      seen.push(answer.status);
    }
    return seen;
  });
  expect(statuses[0]).toBe(401);
  // Somebody else's guesses are told like this, too: with how long to wait.
  await expect
    .poll(async () => {
      await logIn(page, 'nobody', 'another guess');
      return page.getByRole('alert').textContent();
    })
    .toMatch(/^Too many tries\. Wait \d+ seconds? and try again\.$/);
  // It is the name that is slowed down: others get in.
  await page.reload();
  await logIn(page, 'demo', product.password('demo'));
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Hello, demo');
});

test('logging out ends it', async ({ page, product }) => {
  await logIn(page, 'demo', product.password('demo'));
  await page.getByRole('button', { name: 'Account: demo' }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Log in');
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Log in');
});

test('a demo user sees no plugins and no activity of others', async ({ demo }) => {
  await demo.goto('/plugins');
  await expect(demo.getByRole('heading', { level: 1 })).toContainText('no such page');
});
