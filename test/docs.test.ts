import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { errorTable } from '../plugins/errors.ts'
import { readKeys } from '../plugins/keys/file.ts'
import { defaultProviders, loadBuiltin } from '../providers/index.ts'

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

t.test('docs/errors.md lists every error of the table, with its status', async (t) => {
  const documented = Object.fromEntries([...read('docs/errors.md').matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, code, status]) => [code, Number(status)]))
  t.same(documented, Object.fromEntries(Object.entries(errorTable).map(([code, [status]]) => [code, status])))
})

t.test('every local link of the documents leads somewhere, and to a heading that is there', async (t) => {
  const documents = readdirSync(new URL('../docs', import.meta.url), { encoding: 'utf8', recursive: true }).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)
  for (const file of ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...documents]) {
    for (const [, link = ''] of read(file).matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const url = new URL(link, new URL(`../${file}`, import.meta.url))
      t.ok(existsSync(url), `${file}: ${link}`)
      if (url.hash !== '') t.ok(headings(readFileSync(url, 'utf8')).includes(url.hash.slice(1)), `${file}: ${link}`)
    }
  }
})

/** The headings of a document, as links name them. */
function headings (text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'))
}

t.test('the keys files of the documents are ones that the gateway takes', async (t) => {
  const providers = await Promise.all(defaultProviders.map(loadBuiltin))
  const env = { OPENAI_KEY: 'sk-real-openai', ANTHROPIC_KEY: 'sk-ant-real-anthropic' }
  for (const file of ['README.md', 'docs/keys.md', 'docs/limits.md', 'docs/upstream.md']) {
    const blocks = [...read(file).matchAll(/^```json\n([^]*?)^```/gm)].map(([, block = '']) => block)
    t.ok(blocks.length > 0, file)
    for (const block of blocks) t.ok(readKeys(Buffer.from(block), { providers, env }).size > 0, file)
  }
})

t.test('README stays short', async (t) => {
  t.ok(read('README.md').split('\n').length <= 150)
})
