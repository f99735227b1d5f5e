import { defineConfig } from 'vite'

// The names of the built files are without hashes: they are committed, and the
// sandbox serves them with an ETag.
export default defineConfig({
  base: './',
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        entryFileNames: 'assets/console.js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/console[extname]',
      },
    },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:4320' } },
})
