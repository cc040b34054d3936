import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { precompress } from './precompress.ts';

// `npm run dev` serves the pages with hot reload and passes everything else to a running weir.
const server = process.env.WEIR_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react(), precompress()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // the Content-Security-Policy has no data: for scripts and fonts
    rolldownOptions: { input: ['index.html', 'embed.html'] }, // the dashboard, and the page of an embedded panel
    manifest: 'manifest.json', // what is loaded first: internal/dashboard/firstpaint_test.go reads it
    modulePreload: { polyfill: false },
  },
  server: { proxy: Object.fromEntries(['/api', '/auth', '/openapi.json', '/jobs', '/sdk', '/docs', '/status', '/readyz'].map((p) => [p, server])) },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'], environment: 'node' },
});
