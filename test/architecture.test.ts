import { readFileSync, readdirSync } from 'node:fs'
import t from 'tap'

const root = new URL('../', import.meta.url)
const sources = (folder: string): string[] =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`)
const core = ['app.ts', 'server.ts', 'cli.ts', 'flags.ts', 'runtime.ts', ...sources('plugins'), ...sources('routes')]
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')
const imports = (path: string): Array<{ from: string, type: boolean }> =>
  [...read(path).matchAll(/^(?:import|export) (type )?.*? from '([^']+)'/gm)].map(([, type, from = '']) => ({ from, type: type !== undefined }))

t.test('outside providers/ no vendor is named', async (t) => {
  for (const path of core) {
    t.notMatch(read(path), /openai|anthropic|deepseek|claude|gpt|gemini|mistral|goog/i, path)
  }
})

t.test('dialects are pure: no Fastify, no I/O, no clock', async (t) => {
  for (const path of sources('providers/dialects')) {
    for (const { from } of imports(path)) t.notMatch(from, /fastify|undici|plugins|routes|node:(?!buffer)/, `${path} imports ${from}`)
    t.notMatch(read(path), /Date\.now|new Date\(\)|performance\.now|setTimeout|process\./, path)
  }
})

t.test('a dialect knows of no other dialect', async (t) => {
  for (const path of sources('providers/dialects')) {
    const [, , own] = path.split('/')
    if (own === undefined || own.endsWith('.ts')) continue
    for (const { from } of imports(path)) t.notMatch(from, new RegExp(`/(?!${own})[a-z]+-[a-z]+/`), `${path} imports ${from}`)
  }
})

t.test('every decorator a plugin uses is that of a dependency it declares', async (t) => {
  const decorators: Record<string, string> = {
    config: 'config', load: 'load', keys: 'keys', authenticate: 'keys', quota: 'quota', prices: 'prices', providers: 'providers', upstream: 'upstream', exchanges: 'logging', database: 'database', postgres: 'postgres', ledger: 'ledger', stored: 'stored', tokens: 'tokens', metrics: 'metrics', tracing: 'tracing', rateLimit: '@fastify/rate-limit', createRateLimit: '@fastify/rate-limit'
  }
  for (const path of sources('plugins')) {
    const text = read(path)
    const [, name, declared = ''] = /name: '([^']+)', fastify: '5.x'(?:, dependencies: \[([^\]]*)\])?/.exec(text) ?? []
    if (name === undefined) continue
    for (const [decorator, plugin] of Object.entries(decorators)) {
      if (plugin === name || !new RegExp(`fastify\\.${decorator}\\b|\\{[^}]*\\b${decorator}\\b[^}]*\\} = fastify\\s`).test(text)) continue
      t.ok(declared.includes(`'${plugin}'`), `${path} uses fastify.${decorator}, so it depends on ${plugin}`)
    }
  }
})
