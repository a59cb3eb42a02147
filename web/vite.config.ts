import { defineConfig } from 'vitest/config';

// `npm run dev` serves the page with live reload and hands API and session paths to a running gatewright.
const backend = process.env.GATEWRIGHT_URL ?? 'https://localhost:8443';
const proxied = { target: backend, secure: false, ws: true, changeOrigin: true };

export default defineConfig({
  // esbuild compiles TSX by itself: no Babel, no preset.
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    // noVNC uses top-level await.
    target: 'es2022',
    // A strict content security policy refuses data: fonts and scripts; keep every asset a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: {
    proxy: {
      '/api': proxied,
      // Only the paths below a session's id: `/sessions/...` is a page of ours.
      '^/session/': proxied,
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['tests/**/*.test.{ts,tsx}'],
    setupFiles: ['tests/setup.ts'],
    restoreMocks: true,
  },
});
