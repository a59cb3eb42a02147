import { expect, test } from '../support/test';
import { STRICTER } from '../support/product';

const CARD = '4111 1111 1111 1111';
const REDACTED = '[card number removed]';

test('text goes out and in, and comes on paste only', async ({ terminal }) => {
  await terminal.setClipboard('mine');
  await terminal.focus();
  await terminal.run('xclip -o -selection clipboard > ~/Transfer/unasked.txt 2>/dev/null');
  expect(terminal.transferred('unasked.txt')).not.toContain('mine');

  await terminal.pasteInto('pasted.txt', 'hello from outside');
  expect(terminal.transferred('pasted.txt')).toBe('hello from outside\n');

  await terminal.run("printf 'hello from inside' | xclip -selection clipboard -i");
  await expect.poll(() => terminal.clipboard()).toBe('hello from inside');
});

test('a card number is changed on its way out and in, and the notice says so', async ({ demo, terminal }) => {
  await terminal.run(`printf 'pay ${CARD}' | xclip -selection clipboard -i`);
  await expect.poll(() => terminal.clipboard()).toBe(`pay ${REDACTED}`);
  await expect(terminal.notice(/^Changed: Copy changed: text .+\. Ref [A-Z0-9]+\.?$/)).toBeVisible();

  await terminal.pasteInto('card.txt', `pay ${CARD}`);
  expect(terminal.transferred('card.txt')).toBe(`pay ${REDACTED}\n`);
  const notice = terminal.notice(/Paste changed: text .+\. Ref [A-Z0-9]+/);
  await expect(notice.first()).toHaveRole('status');

  await demo.getByRole('button', { name: /^Session panel/ }).click();
  await expect(demo.getByLabel('Last copied text')).toHaveValue(`pay ${REDACTED}`);
  await expect(
    demo
      .getByRole('complementary')
      .getByText(/Paste changed: text/)
      .first(),
  ).toBeVisible();
});

test('a stricter version holds in the open session, and rolls back', async ({ admin, terminal }) => {
  await admin.goto('/plugins');
  await admin.getByLabel('Plugin file', { exact: true }).setInputFiles(STRICTER);
  await expect(admin).toHaveURL(/\/plugins\/dlp-clipboard$/);
  const version = admin.locator('[data-version="0.2.0"]');
  await expect(version).toContainText('Ready');

  await version.getByRole('button', { name: /^Activate/ }).click();
  const question = admin.getByRole('dialog');
  await expect(question).toContainText('1 open session');
  await expect(question).toContainText('Sales');
  await question.getByRole('button', { name: 'Activate' }).click();
  await expect(version).toContainText('Active');

  await terminal.page.bringToFront();
  const blocked = terminal.notice(/Paste blocked: text .+\. .+\. Ref [A-Z0-9]+/);
  await terminal.pasteInto('denied.txt', `in ${CARD}`, () => expect(blocked.first()).toHaveRole('alert'));
  expect(terminal.transferred('denied.txt')).toBe('');
  const reference = /Ref ([A-Z0-9]+)/.exec((await blocked.first().textContent()) ?? '')?.[1] ?? '';

  // What the person quotes is what the administrator finds, with the rule that did it.
  await admin.bringToFront();
  await admin.goto(`/activity?reference=${reference}`);
  const entry = admin.locator(`[data-reference="${reference}"]`);
  await expect(entry).toContainText('Blocked');
  await expect(entry).toContainText('dlp-clipboard 0.2.0');
  await expect(entry).toContainText('Card number');
  await expect(admin.getByText('Record intact')).toBeVisible();

  await admin.goto('/plugins/dlp-clipboard');
  await admin.getByRole('button', { name: 'Roll back to 0.1.0' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
  await expect(admin.locator('[data-version="0.1.0"]')).toContainText('Active');

  await terminal.page.bringToFront();
  await terminal.pasteInto('again.txt', `in ${CARD}`);
  expect(terminal.transferred('again.txt')).toBe(`in ${REDACTED}\n`);
});

test('the paste box stands in where the browser refuses', async ({ demo, terminal }) => {
  await demo.getByRole('button', { name: /^Session panel/ }).click();
  await demo.getByLabel('Text for the session').fill('from the box');
  await demo.getByRole('button', { name: 'Send to session' }).click();
  await demo.getByRole('button', { name: 'Close the panel' }).click();
  await terminal.run('xclip -o -selection clipboard > ~/Transfer/box.txt');
  expect(terminal.transferred('box.txt')).toBe('from the box');
});

test('a file that is no plugin is refused in words', async ({ admin }) => {
  await admin.goto('/plugins');
  const buffer = Buffer.from('not a plugin');
  await admin
    .getByLabel('Plugin file', { exact: true })
    .setInputFiles({ name: 'x.wasm', mimeType: 'application/wasm', buffer });
  await expect(admin.getByRole('alert')).toContainText('Nothing was stored');
});
