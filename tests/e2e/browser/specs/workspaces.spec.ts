import { Desktop } from '../support/desktop';
import { expect, test } from '../support/test';

const IMAGE = 'gatewright/terminal:dev';

test('a workspace is made, its image checked, launched, and deleted with its session', async ({
  admin,
  demo,
  product,
}) => {
  await admin.goto('/');
  await admin.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Workspaces' }).click();
  await expect(admin.getByRole('heading', { level: 1 })).toHaveText('Workspaces');
  await admin.getByRole('link', { name: 'New workspace' }).click();

  // What is wrong is said at its field.
  await admin.getByLabel('Name', { exact: true }).fill('Shell');
  await admin.getByLabel('Image', { exact: true }).fill('gatewright/terminal');
  await admin.getByRole('button', { name: 'Create workspace' }).click();
  await expect(admin.getByText('Say which one by a tag')).toBeVisible();
  await expect(admin.getByLabel('Image', { exact: true })).toBeFocused();
  await admin.getByLabel('Image', { exact: true }).fill(IMAGE);
  await admin.getByLabel('Picture').selectOption('terminal');
  await admin.getByLabel('Cores').fill('0.5');
  await admin.getByLabel('Memory, MiB', { exact: true }).fill('256');
  await admin.getByLabel('Shared memory, MiB').fill('16');
  await admin.getByRole('button', { name: 'Create workspace' }).click();
  await expect(admin.getByRole('heading', { level: 1 })).toHaveText('Shell');
  await expect(admin).toHaveURL(/\/workspaces\/[0-9a-f-]{36}$/);

  // The check of its image, step by step.
  const node = admin.getByRole('list', { name: 'Nodes' }).getByRole('listitem').first();
  await expect(node).toContainText('There');
  await node.getByRole('button', { name: /^Check image/ }).click();
  await expect(admin.locator('[data-check=passed]')).toBeVisible({ timeout: 90_000 });
  const steps = admin.getByRole('list', { name: 'Steps of the check' }).getByRole('listitem');
  await expect(steps).toHaveCount(9);
  await expect(admin.locator('[data-step].passed')).toHaveCount(9);

  // An image that no registry has: the engine's own words.
  await admin.getByLabel('Image', { exact: true }).fill('127.0.0.1:1/none:1');
  await admin.getByRole('button', { name: 'Save' }).click();
  await expect(admin.getByText('Saved. It holds for sessions')).toBeVisible();
  await expect(node).toContainText('Not there');
  await node.getByRole('button', { name: /^Pull to/ }).click();
  await expect(node).toContainText('Pull failed', { timeout: 60_000 });
  await expect(node).toContainText('127.0.0.1:1');
  await admin.getByLabel('Image', { exact: true }).fill(IMAGE);
  await admin.getByRole('button', { name: 'Save' }).click();
  await expect(node).toContainText('There');

  const shell = await Desktop.launch(demo, product, 'Shell');
  await admin.getByRole('button', { name: 'Delete' }).click();
  const question = admin.getByRole('dialog');
  await question.getByRole('button', { name: 'Delete' }).click();
  await question.getByRole('button', { name: 'End sessions and delete' }).click();
  await expect(admin).toHaveURL(/\/workspaces$/);
  await expect(admin.getByRole('link', { name: 'Shell' })).toHaveCount(0);
  await expect(demo.getByRole('heading', { level: 1 })).toHaveText('Shell has ended');
  expect(shell.session).not.toBe('');
});

test('a person without the right sees neither the page nor its entry', async ({ demo }) => {
  await demo.goto('/workspaces');
  await expect(demo.getByRole('heading', { level: 1 })).toContainText('no such page');
  await demo.goto('/');
  await expect(
    demo.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Workspaces' }),
  ).toHaveCount(0);
});
