// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vite'

/** The folder of the package that a file belongs to, if it is not of this project. */
function packageOf(file: string): string | undefined {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0].replace('\0', '')
}

/** Writes the licenses of the packages that are in the built files beside them. */
function licenses(): Plugin {
  return {
    name: 'licenses',
    generateBundle(_, bundle) {
      const folders = new Set<string>()
      for (const chunk of Object.values(bundle)) {
        for (const id of chunk.type === 'chunk' ? chunk.moduleIds : []) {
          const folder = packageOf(id)
          if (folder) {
            folders.add(folder)
          }
        }
      }
      const texts = [...folders].map((folder) => {
        const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
        const files = readdirSync(folder).filter((file) => /^licen[cs]e/i.test(file))
        // What a package carries of others in its own built files.
        const dist = join(folder, 'dist')
        const legal = existsSync(dist)
          ? readdirSync(dist).filter((file) => file.endsWith('.esm.js.LEGAL.txt'))
          : []
        const paths = [...files.map((file) => join(folder, file)), ...legal.map((file) => join(dist, file))]
        if (paths.length === 0) {
          this.error(`${name} has no license file`)
        }
        return [
          `${name} ${version} (${license})`,
          ...paths.map((path) => readFileSync(path, 'utf8').trim()),
        ].join('\n\n')
      })
      const rule = `\n\n${'-'.repeat(80)}\n\n`
      this.emitFile({
        type: 'asset',
        fileName: 'assets/licenses.txt',
        source: `${texts.sort().join(rule)}\n`,
      })
    },
  }
}

// The names of the built files are without hashes: they are committed, and the
// sandbox serves them with an ETag.
export default defineConfig({
  base: './',
  plugins: [licenses()],
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
