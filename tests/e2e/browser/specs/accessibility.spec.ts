import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from '../support/test';

/** Rules of WCAG 2.2 A and AA, and of good practice. */
async function clean(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(
    violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.target.join(' ')).join(', ')}`),
  ).toEqual([]);
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth + 1);
  expect(sideways, 'the page scrolls sideways').toBe(false);
}

const PAGES = [
  ['/', 'Hello, admin'],
  ['/sessions', 'Sessions'],
  ['/workspaces', 'Workspaces'],
  ['/workspaces/new', 'New workspace'],
  ['/workspaces/not-there', 'This workspace can’t be shown'],
  ['/plugins', 'Plugins'],
  ['/plugins/dlp-clipboard', 'dlp-clipboard'],
  ['/activity', 'Activity'],
  ['/plugins/not-there', 'This plugin can’t be shown'],
  ['/sessions/not-there', 'This session can’t be shown'],
] as const;

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [390, 1440]) {
    test(`pages in ${colorScheme} at ${width} px`, async ({ admin }) => {
      await admin.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await admin.setViewportSize({ width, height: 900 });
      for (const [path, title] of PAGES) {
        await admin.goto(path);
        await expect(admin.getByRole('heading', { level: 1 })).toHaveText(title);
        await expect(admin.locator('.skeleton')).toHaveCount(0);
        await clean(admin);
      }
    });

    test(`login in ${colorScheme} at ${width} px`, async ({ page }) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.goto('/login');
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Log in');
      await clean(page);
    });
  }
}

test('the session, its panel and its end', async ({ demo, terminal }) => {
  await clean(demo);
  await demo.getByRole('button', { name: /^Session panel/ }).click();
  await clean(demo);
  await demo.getByRole('button', { name: 'Pause session' }).click();
  await expect(demo.getByRole('heading', { level: 1 })).toHaveText('Terminal is paused');
  await clean(demo);
  await demo.getByRole('button', { name: 'Resume' }).click();
  await terminal.connected();
  await demo.getByRole('button', { name: 'End session' }).first().click();
  await clean(demo);
  await demo.getByRole('dialog').getByRole('button', { name: 'End session' }).click();
  await expect(demo.getByRole('heading', { level: 1 })).toHaveText('Terminal has ended');
  await clean(demo);
  expect(terminal.session).not.toBe('');
});

test('the keyboard alone leads from the login into the panel of a session', async ({ demo, terminal }) => {
  await terminal.focus();
  await demo.keyboard.press('Control+Alt+Shift+KeyP');
  await expect(demo.getByLabel('Text for the session')).toBeFocused();
  await demo.keyboard.press('Escape');
  await expect(demo.getByRole('complementary', { name: 'Session panel' })).toHaveCount(0);
  await demo.goto('/');
  await expect(demo.getByRole('heading', { level: 1 })).toBeVisible();
  await demo.keyboard.press('Tab');
  await expect(demo.getByRole('link', { name: 'Skip to content' })).toBeFocused();
});
