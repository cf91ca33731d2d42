/**
 * The processes as few files, after `tsc` has left in `dist` what programs import: the gateway, its command and its threads,
 * with the packages that they use. A start reads and links a few files for a thousand, and the image needs no `node_modules`.
 * Names stay as they are, and beside each file lies its source map, with the sources in it: `node --enable-source-maps`.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import standalone from 'ajv/dist/standalone/index.js'
import { build, type OutputChunk, type Plugin } from 'rolldown'
import type { Judge } from '../plugins/validator.ts'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

/** Threads are found by their paths, so each stays at its own. */
const threads = ['plugins/database/thread', 'plugins/postgres/thread', 'plugins/tokens/thread']

/** All that a gateway runs with any settings. What only some settings ask for is in files of its own. */
const always = /[\\/](?:app\.ts|node_modules[\\/](?:fastify|close-with-grace)[\\/][^\\/]+\.js)$/

/** Users install it, where they want it. */
const external = /^gpt-tokenizer\//

const PRETTY = 'pino-pretty'

/** Files find others by where they are themselves, and are all in one folder now: to each its place among what `tsc` wrote. */
const places: Plugin = {
  name: 'places',
  transform (code, id) {
    if (isPackaged(id) || !code.includes('import.meta.')) return null
    const place = relative(root, id).replaceAll(sep, '/').replace(/\.ts$/, '.js')
    const placed = code
      .replaceAll('import.meta.url', `new URL('../${place}', import.meta.url).href`)
      .replaceAll('import.meta.filename', `(import.meta.dirname + '/../${place}')`)
      .replaceAll(`('${PRETTY}')`, `('../../bundle/${PRETTY}.cjs')`)
    // Line by line.
    return { code: placed, map: { version: 3, sources: [id], names: [], mappings: `AAAA${';AACA'.repeat(code.split('\n').length - 1)}` } }
  }
}

/**
 * To import a module of Node's asks for all that it exports: with `node:http` for `fetch` and `WebSocket`, which lie in 14 MB of
 * their own, and take a tenth of a start. To get one asks for nothing. `runtime.ts` must run on Nodes that cannot.
 */
const builtins: Plugin = {
  name: 'builtins',
  resolveId: (id, importer = '') => id.startsWith('node:') && importer.endsWith('.ts') && !importer.endsWith('runtime.ts') ? `\0${id}` : null,
  load: (id) => id.startsWith('\0node:') ? { code: `module.exports = process.getBuiltinModule('${id.slice(1)}')`, moduleType: 'js' } : null
}

/** What @fastify/env would compile to judge its own options, and settings for want of a validator of ours, is a tenth of a start. */
const unjudged: Plugin = {
  name: 'unjudged',
  resolveId: (id, importer = '') => id === 'ajv' && /[\\/]env-schema[\\/]/.test(importer) ? '\0unjudged' : null,
  load: (id) => id === '\0unjudged' ? { code: UNJUDGED, moduleType: 'js' } : null
}
const UNJUDGED = `
const { Ajv } = require('ajv')
module.exports = class {
  static [Symbol.hasInstance] (value) { return value instanceof Ajv }
  compile () { return () => true }
}
`

/** What a judge comes to, in the place of what makes it: `judgeOf` in plugins/validator.ts. */
const judges: Plugin = {
  name: 'judges',
  async transform (code, id) {
    if (isPackaged(id) || !/[\\/]validate-\w+\.ts$/.test(id)) return null
    const { validate } = await import(id) as { validate: Judge<unknown> }
    const [formats = ''] = /^import \{ formats \} .*$/m.exec(code) ?? []
    return { code: `${formats}\n${standalone.default(validate.ajv, validate)}`, moduleType: 'js', map: { mappings: '' } }
  }
}

const { output } = await build({
  cwd: root,
  input: Object.fromEntries(['server', 'cli', ...threads].map((name) => [name, `${name}.ts`])),
  platform: 'node',
  external,
  // It does nothing when it is loaded, but does not say so.
  treeshake: { moduleSideEffects: [{ test: /[\\/]typebox[\\/]/, sideEffects: false }] },
  plugins: [places, builtins, unjudged, judges],
  output: {
    dir: dist,
    sourcemap: true,
    comments: { legal: true, annotation: false, jsdoc: false },
    entryFileNames: '[name].js',
    chunkFileNames: 'bundle/[name].js',
    codeSplitting: { groups: [{ name: 'gateway', test: always }, { name: 'builtins', test: '\0node:', priority: 1 }] }
  }
})
// Loaded with `require`, since a line of the log cannot wait.
const pretty = await build({ cwd: root, input: PRETTY, platform: 'node', output: { dir: dist, format: 'cjs', sourcemap: true, entryFileNames: `bundle/${PRETTY}.cjs` } })

const chunks = [...output, ...pretty.output].filter((file): file is OutputChunk => file.type === 'chunk')
for (const chunk of chunks) {
  check(chunk)
  // One letter beyond Latin-1 doubles what the text of its file takes, for as long as the process lives.
  writeFileSync(join(dist, chunk.fileName), chunk.code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`))
}
writeFileSync(join(dist, 'third-party.txt'), notices(chunks.flatMap(({ moduleIds }) => moduleIds)))

/** @throws {Error} where a file would not find what it needs, or need more than it should */
function check ({ fileName, code, imports, dynamicImports, moduleIds }: OutputChunk): void {
  const required = [...code.matchAll(/\b__require\("([^"]+)"\)/g)].map(([, name = '']) => name)
  for (const name of [...imports, ...dynamicImports, ...required]) {
    if (!isBuiltin(name) && !external.test(name) && !existsSync(join(dist, name))) throw new Error(`${fileName} needs ${name}, which is not in it`)
  }
  if (fileName.startsWith('bundle/')) {
    // A health check runs every few seconds.
    if (fileName.endsWith('/health.js') && imports.includes('bundle/gateway.js')) throw new Error(`${fileName} loads the whole gateway`)
    return
  }
  if (imports.includes('bundle/gateway.js')) throw new Error(`${fileName} loads the whole gateway`)
  for (const id of moduleIds) {
    if (existsSync(id) && !isPackaged(id) && readFileSync(id, 'utf8').includes('import.meta.')) throw new Error(`${id} would not know its place in ${fileName}`)
  }
}

/** The packages these files come from, and the bundler, which adds a few lines of its own: each with its licence. */
function notices (files: string[]): string {
  const folders = new Set([...files.filter(isPackaged).map(packageOf), join(root, 'node_modules', 'rolldown')])
  return [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>
    const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name))
    return `${name} ${version} (${license})\n\n${file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim()}\n`
  }).join(`\n${'-'.repeat(80)}\n\n`)
}

/** Some have a package.json in folders of theirs too, without a version. */
function packageOf (file: string): string {
  const folder = dirname(file)
  const manifest = join(folder, 'package.json')
  return existsSync(manifest) && 'version' in (JSON.parse(readFileSync(manifest, 'utf8')) as object) ? folder : packageOf(folder)
}

function isPackaged (id: string): boolean {
  return id.includes('node_modules')
}
