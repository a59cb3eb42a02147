import { Desktop } from '../support/desktop';
import { expect, test } from '../support/test';

test('a terminal is launched, seen, typed in, and ended', async ({ demo, terminal }) => {
  expect(await terminal.colours()).toBeGreaterThan(2);
  await terminal.run('echo hello > ~/Transfer/from-browser.txt');
  expect(terminal.transferred('from-browser.txt')).toBe('hello\n');

  // It goes on without the page, and the home page leads back.
  await demo.goto('/');
  await demo.getByRole('link', { name: 'Return to Terminal' }).first().click();
  await terminal.connected();

  await demo.getByRole('button', { name: 'End session' }).click();
  await demo.getByRole('dialog').getByRole('button', { name: 'End session' }).click();
  await expect(demo.getByRole('heading', { level: 1 })).toHaveText('Terminal has ended');
  await expect(demo.getByText('You ended this session.')).toBeVisible();
});

test('a session is paused, says so, and goes on with the same shell', async ({ demo, terminal }) => {
  await terminal.run('kept=$$; echo $kept > ~/Transfer/first.txt');
  await demo.getByRole('button', { name: 'Pause session' }).click();
  await expect(demo.getByRole('heading', { level: 1 })).toHaveText('Terminal is paused');

  // The home page knows, too, and takes it up.
  await demo.goto('/');
  const running = demo.getByRole('region', { name: 'Running sessions' });
  await expect(running.getByText('Paused', { exact: true })).toBeVisible();
  await running.getByRole('button', { name: 'Resume Terminal' }).click();
  await running.getByRole('button', { name: 'Pause Terminal' }).click();
  await running.getByRole('link', { name: 'Return to Terminal' }).click();
  await demo.getByRole('button', { name: 'Resume' }).click();
  await terminal.connected();
  await terminal.run('echo $kept > ~/Transfer/second.txt');
  expect(terminal.transferred('second.txt')).toBe(terminal.transferred('first.txt'));
});

test('the launch shows its steps', async ({ demo, product }) => {
  await demo.goto('/');
  // How many steps there are, and which one was under way, at each change. A quick launch may show one of them only.
  const seen: { steps: number; current: number }[] = [];
  await demo.exposeFunction('seen', (one: (typeof seen)[number]) => seen.push(one));
  await demo.evaluate(() => {
    new MutationObserver(() => {
      const steps = [...document.querySelectorAll('.saga li')];
      const current = steps.findIndex((step) => step.getAttribute('aria-current') === 'step');
      const told = window as unknown as { seen: (one: { steps: number; current: number }) => void };
      if (current >= 0) told.seen({ steps: steps.length, current });
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  const card = demo.getByRole('listitem').filter({ has: demo.getByRole('heading', { name: 'Terminal' }) });
  await card.getByRole('button', { name: /^Launch/ }).click();
  await demo.waitForURL('**/sessions/*');
  const session = Desktop.at(demo, product);
  await session.connected();
  await session.end();
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.every(({ steps, current }) => steps >= 4 && current < steps)).toBe(true);
  const order = seen.map(({ current }) => current);
  expect(order).toEqual([...order].sort((one, other) => one - other));
});

test('a cut connection shows the last picture and comes back by itself', async ({
  demo,
  terminal,
  product,
}) => {
  await terminal.run('echo before > ~/Transfer/before.txt');
  product.wire.cut();
  await expect(demo.getByRole('heading', { name: 'Reconnecting' })).toBeVisible();
  await expect(demo.locator('.viewer-still')).toBeVisible();
  await expect(demo.getByText(/Trying for \d+ more seconds/)).toBeVisible();
  product.wire.mend();
  await terminal.connected();
  await expect(demo.getByRole('heading', { name: 'Reconnecting' })).toHaveCount(0);
  await terminal.run('echo after > ~/Transfer/after.txt');
  expect(terminal.transferred('after.txt')).toBe('after\n');
});

test('the same session in a second window takes it over, and gives it back', async ({ demo, terminal }) => {
  const other = await demo.context().newPage();
  await other.goto(`/sessions/${terminal.session}`);
  await expect(other.locator('.screen')).toHaveAttribute('data-state', 'connected');
  await expect(demo.getByRole('heading', { name: 'Open in another place' })).toBeVisible();
  await demo.getByRole('button', { name: 'Use it here' }).click();
  await terminal.connected();
  await expect(other.getByRole('heading', { name: 'Open in another place' })).toBeVisible();
  await other.close();
});

test('a session of somebody else is not there', async ({ admin, terminal, product }) => {
  await admin.goto(`/sessions/${terminal.session}`);
  const status = await admin.evaluate(
    async (id) => (await fetch(`/session/${id}/notices`)).status,
    terminal.session,
  );
  expect([401, 403, 404]).toContain(status);
  expect(product.log()).not.toContain('panicked');
});

test('a phone has a keyboard with Ctrl', async ({ demo, terminal }) => {
  await demo.setViewportSize({ width: 390, height: 780 });
  await terminal.focus();
  await terminal.type('sleep 1000\n');
  await demo.getByRole('button', { name: 'Keyboard' }).click();
  await demo.getByRole('button', { name: 'Ctrl' }).click();
  await demo.getByLabel('Typing for the desktop').pressSequentially('c');
  await expect(demo.getByRole('button', { name: 'Ctrl' })).toHaveAttribute('aria-pressed', 'false');
  await demo.getByLabel('Typing for the desktop').pressSequentially('echo phone > Transfer/phone.txt');
  await demo.keyboard.press('Enter');
  await expect.poll(() => terminal.transferred('phone.txt')).toBe('phone\n');
});

test('an administrator sees what runs, reads its log, pauses it and ends it', async ({
  admin,
  demo,
  terminal,
}) => {
  await admin.goto('/sessions');
  const row = admin.getByRole('listitem').filter({ hasText: 'of demo' });
  await expect(row.getByText(/ memory · .* processor time · \d+ processes/)).toBeVisible();
  await row.getByRole('button', { name: 'Log of Terminal of demo' }).click();
  await expect(admin.getByRole('dialog').locator('pre')).toContainText('Xvnc');
  await admin.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  await row.getByRole('button', { name: 'Pause Terminal of demo' }).click();
  await expect(demo.getByRole('heading', { level: 1 })).toHaveText('Terminal is paused');
  await row.getByRole('button', { name: 'End Terminal of demo' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'End session' }).click();
  await expect(admin.getByText('Nothing runs')).toBeVisible();
  await expect(demo.getByText('An administrator ended this session.')).toBeVisible();
  expect(terminal.session).not.toBe('');
});
