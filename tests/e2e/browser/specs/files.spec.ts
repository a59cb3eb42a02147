import { readFileSync } from 'node:fs';
import { expect, test } from '../support/test';

const PNG = Buffer.concat([
  Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]),
  Buffer.alloc(300_000, 7),
]);

test('a file goes in and out, and a program that is called a picture does not', async ({
  demo,
  terminal,
}) => {
  await demo.getByRole('button', { name: /^Session panel/ }).click();
  const files = demo.getByRole('region', { name: 'Files' });
  await expect(files.getByText(/^Drop files here/)).toBeVisible();

  await files
    .getByLabel('Files to upload')
    .setInputFiles({ name: 'plan.png', mimeType: 'image/png', buffer: PNG });
  await expect(files.getByRole('list', { name: 'Transfers' })).toContainText('In Transfer.');
  const listed = files.getByRole('list', { name: 'Files in Transfer' });
  await expect(listed).toContainText('plan.png');

  const [download] = await Promise.all([
    demo.waitForEvent('download'),
    listed.getByRole('button', { name: 'Download plan.png' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('plan.png');
  expect(readFileSync(await download.path()).equals(PNG)).toBe(true);

  // Renamed: the extension says one thing, the bytes another.
  await terminal.run("printf 'MZ\\220\\0\\003' > ~/Transfer/photo.png");
  await files.getByRole('button', { name: 'Refresh' }).click();
  await listed.getByRole('button', { name: 'Download photo.png' }).click();
  const refused = files.getByRole('listitem').filter({ hasText: 'Download blocked' });
  await expect(refused).toContainText(/photo\.png says \.png, but what is in it is: Windows program\./);
  await expect(refused).toContainText(/files up to 20 MiB may pass\. Ref [A-Z0-9]+/);
  await expect(refused).toContainText('Rule: Sales: download .png and .jpg up to 20 MiB');
  await expect(terminal.notice(/Download blocked: photo\.png/).first()).toBeVisible();
});

test('files that are dropped over the desktop are uploaded', async ({ demo, terminal }) => {
  const data = await demo.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['dropped'], 'dropped.txt'));
    return transfer;
  });
  await demo.dispatchEvent('.stage', 'drop', { dataTransfer: data });
  await expect(demo.getByRole('list', { name: 'Transfers' })).toContainText('In Transfer.');
  expect(terminal.transferred('dropped.txt')).toBe('dropped');
});
