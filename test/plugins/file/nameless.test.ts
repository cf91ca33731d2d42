import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Nameless } from '../../../plugins/file/nameless.ts'

const SOURCE = fileURLToPath(new URL('../../../plugins/file/source.ts', import.meta.url))

const news = (file: Nameless, ...links: bigint[]): unknown[] => links.map((links) => file.look(links))

t.test('a name that is lost is told once, and not before it was seen twice', async (t) => {
  const file = new Nameless()
  t.strictSame(news(file, 1n, 0n, 1n), [undefined, undefined, undefined], 'the moment of a rename')
  t.strictSame([...news(file, 0n, 0n), file.sure], [undefined, 'lost', true])
  t.strictSame(news(file, 0n, 0n, 0n), [undefined, undefined, undefined])
  t.strictSame([...news(file, 1n, 1n), file.sure], ['found', undefined, false])
  t.strictSame(news(file, 0n, 0n), [undefined, 'lost'], 'and again')
})

t.test('what never had one has lost none', async (t) => {
  const file = new Nameless()
  t.strictSame([...news(file, 0n, 0n, 0n), file.sure], [undefined, undefined, undefined, false])
})

t.test('a file mounted by itself, replaced outside', { skip: spawnSync('unshare', ['-rm', 'true']).status !== 0 && 'needs namespaces' }, async (t) => {
  const folder = t.testdir({ outside: 'old', new: 'new', in: { 'keys.json': '' } })
  const tell = `import(${JSON.stringify(SOURCE)}).then(({ markOf }) => markOf({ path: process.argv[1] })).then(({ links }) => console.log(links))`
  const { stdout } = spawnSync('unshare', ['-rm', 'sh', '-c', `mount --bind outside in/keys.json && "$0" -e '${tell}' "$1" && mv new outside && "$0" -e '${tell}' "$1" && cat "$1"`, process.execPath, join(folder, 'in', 'keys.json')], { cwd: folder, encoding: 'utf8' })
  t.equal(stdout, '1n\n0n\nold')
  t.equal(readFileSync(join(folder, 'outside'), 'utf8'), 'new')
})
