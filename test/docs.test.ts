import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { errorTable } from '../plugins/errors.ts'

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

t.test('docs/errors.md lists every error of the table, with its status', async (t) => {
  const documented = Object.fromEntries([...read('docs/errors.md').matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, code, status]) => [code, Number(status)]))
  t.same(documented, Object.fromEntries(Object.entries(errorTable).map(([code, [status]]) => [code, status])))
})

t.test('every local link of the documents leads somewhere', async (t) => {
  const documents = readdirSync(new URL('../docs', import.meta.url), { encoding: 'utf8', recursive: true }).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)
  for (const file of ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...documents]) {
    for (const [, link = ''] of read(file).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)) {
      t.doesNotThrow(() => import.meta.resolve(new URL(link, new URL(`../${file}`, import.meta.url)).href) && readOrList(new URL(link, new URL(`../${file}`, import.meta.url))), `${file}: ${link}`)
    }
  }
})

function readOrList (url: URL): void {
  try {
    readFileSync(url)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error
  }
}

t.test('README stays short', async (t) => {
  t.ok(read('README.md').split('\n').length <= 150)
})
