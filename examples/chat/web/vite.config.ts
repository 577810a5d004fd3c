import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Where the chat's API listens while the page is served by `npm run dev`. */
const API = process.env['CHAT_API'] ?? 'http://127.0.0.1:5180';

export default defineConfig({
  base: '/',
  plugins: [react()],
  // Two SDKs and React; there is nothing to load later.
  build: { chunkSizeWarningLimit: 1000 },
  server: { host: '127.0.0.1', proxy: { '/api': API } },
});
