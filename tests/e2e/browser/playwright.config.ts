import { defineConfig } from '@playwright/test';

/** The whole product with a real engine, used by a real Chromium. `cargo xtask test` sets the environment. */
export default defineConfig({
  testDir: 'specs',
  // One product and one engine serve all tests, one after the other.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: process.env.CI !== undefined,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  use: {
    viewport: { width: 1280, height: 800 },
    // The certificate comes from the authority that the product made for itself a moment ago.
    ignoreHTTPSErrors: true,
    permissions: ['clipboard-read', 'clipboard-write'],
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.GATEWRIGHT_CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        // Sites of their own for tests with more than one.
        '--host-resolver-rules=MAP *.test 127.0.0.1',
      ],
    },
  },
});
