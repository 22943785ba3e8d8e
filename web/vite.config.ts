/** The app in the browser: built into `dist/web`, which the server serves at `/`. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  build: { outDir: '../dist/web', emptyOutDir: true, sourcemap: false, target: 'es2022', assetsInlineLimit: 0 },
  server: {
    proxy: { '/public-api': 'http://127.0.0.1:4600', '/app': 'http://127.0.0.1:4600', '/v1': 'http://127.0.0.1:4600' },
  },
});
