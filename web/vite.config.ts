import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/**
 * The page is built to be served from anywhere: every address in it is relative. Files under `assets/` carry a hash
 * of their content, so they may be cached for ever; `index.html` may not, because the server writes a fresh nonce
 * into it on each answer.
 */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [react()],
  html: { cspNonce: '__CSP_NONCE__' },
  build: {
    target: 'es2023',
    // The policy allows images from files only, so nothing may become a data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // React, Mantine and the router in one piece: all of it is needed at once, and it is fetched once.
    chunkSizeWarningLimit: 800,
  },
  server: {
    // `vite web` beside a running `npm run dev`.
    proxy: Object.fromEntries(
      ['/v1', '/ready', '/docs', '/openapi.json'].map((path) => [path, 'http://127.0.0.1:8100']),
    ),
  },
});
