import { chmodSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { replaceFile } from '../../../plugins/file/replace.ts'

t.setTimeout(120_000)

const MODULE = new URL('../../../plugins/file/replace.ts', import.meta.url).href
const append = (text: string) => (bytes: Buffer | undefined) => ({ bytes: Buffer.from(`${bytes?.toString() ?? ''}${text}`), result: text })

t.test('a file is replaced whole: its mode stays, nothing is left beside it', async (t) => {
  const folder = t.testdir({})
  const file = join(folder, 'keys.json')
  t.equal(await replaceFile(file, append('a')), 'a')
  t.equal(statSync(file).mode & 0o777, 0o600)
  for (const mode of [0o640, 0o400]) {
    chmodSync(file, mode)
    const { ino } = statSync(file)
    await replaceFile(file, append('b'))
    t.equal(statSync(file).mode & 0o777, mode)
    t.not(statSync(file).ino, ino)
  }
  t.equal(readFileSync(file, 'utf8'), 'abb')
  await t.rejects(replaceFile(file, () => { throw new RangeError('no') }), { name: 'RangeError' })
  t.equal(readFileSync(file, 'utf8'), 'abb')
  t.strictSame(readdirSync(folder), ['keys.json'])
})

t.test('a shorter content, and the target of a symbolic link', async (t) => {
  const folder = t.testdir({ real: { 'keys.json': 'long long long' } })
  const link = join(folder, 'keys.json')
  symlinkSync('real/keys.json', link)
  await replaceFile(link, () => ({ bytes: Buffer.from('short'), result: undefined }))
  t.ok(lstatSync(link).isSymbolicLink())
  t.equal(readFileSync(link, 'utf8'), 'short')
  t.strictSame(readdirSync(join(folder, 'real')), ['keys.json'])
})

t.test('what an editor writes meanwhile is not lost', async (t) => {
  const file = join(t.testdir({ 'keys.json': 'a' }), 'keys.json')
  let looks = 0
  await replaceFile(file, (bytes) => {
    if (++looks < 3) writeFileSync(file, `a${looks}`)
    return append('z')(bytes)
  })
  t.equal(looks, 3)
  t.equal(readFileSync(file, 'utf8'), 'a2z')
  await t.rejects(replaceFile(file, (bytes) => {
    writeFileSync(file, `${looks++}`)
    return append('z')(bytes)
  }), { name: 'NotReplaceable', message: 'it changes all the time' })
})

t.test('changes from threads and processes at once are all there', async (t) => {
  const folder = t.testdir({ 'keys.json': '' })
  const file = join(folder, 'keys.json')
  const code = (mark: string): string => `
    const { replaceFile } = await import(${JSON.stringify(MODULE)})
    for (let index = 0; index < 20; index++) {
      await replaceFile(${JSON.stringify(file)}, (bytes) => ({ bytes: Buffer.concat([bytes, Buffer.from(${JSON.stringify(mark)} + index + ' ')]) }), 60_000)
    }`
  await Promise.all([
    ...['a', 'b', 'c'].map((mark) => new Promise((resolve, reject) => new Worker(new URL(`data:text/javascript,${encodeURIComponent(code(mark))}`)).once('exit', resolve).once('error', reject))),
    ...Array.from({ length: 20 }, (_, index) => replaceFile(file, append(`d${index} `), 60_000))
  ])
  const words = readFileSync(file, 'utf8').trim().split(' ')
  t.strictSame(words.toSorted(), ['a', 'b', 'c', 'd'].flatMap((mark) => Array.from({ length: 20 }, (_, index) => `${mark}${index}`)).toSorted())
  t.strictSame(readdirSync(folder), ['keys.json'])
})

t.test('where it cannot be, the fault says why and what to do', async (t) => {
  const folder = t.testdir({ 'keys.json': 'a', 'keys.json.lock': '' })
  const file = join(folder, 'keys.json')
  await t.rejects(replaceFile(file, append('b'), 50), { name: 'NotReplaceable', message: /^another change of it does not end: if none is under way, one was cut off, and keys\.json\.lock beside it can be removed$/ })
  t.equal(readFileSync(file, 'utf8'), 'a')
  rmSync(`${file}.lock`)
  await t.rejects(replaceFile(join(folder, 'none', 'keys.json'), append('b')), { message: 'its folder does not exist' })
  await t.rejects(replaceFile(join(file, 'keys.json'), append('b')), { message: 'its folder does not exist' })
  mkdirSync(join(folder, 'dir'))
  await t.rejects(replaceFile(join(folder, 'dir'), append('b')), { message: 'it is a directory' })
})

t.test('a single-file mount and a read-only folder', { skip: spawnSync('unshare', ['-rm', 'true']).status !== 0 && 'needs namespaces' }, async (t) => {
  const folder = t.testdir({ outside: 'a', in: { 'keys.json': '' }, ro: { 'keys.json': 'a' } })
  const tell = `import(${JSON.stringify(MODULE)}).then(({ replaceFile }) => replaceFile(process.argv[1], (bytes) => ({ bytes: Buffer.from('b') }))).then(() => console.log('done'), (error) => console.log(error.name + ': ' + error.message))`
  const within = (mount: string, file: string): string => spawnSync('unshare', ['-rm', 'sh', '-c', `${mount} && exec "$0" -e "$1" "$2"`, process.execPath, tell, file], { cwd: folder, encoding: 'utf8' }).stdout.trim()
  t.equal(within('mount --bind outside in/keys.json', join(folder, 'in', 'keys.json')), 'NotReplaceable: it is mounted as a single file, which cannot be replaced: mount the folder it is in, or change the file where it comes from')
  t.equal(within('mount --bind ro ro && mount -o remount,ro,bind ro', join(folder, 'ro', 'keys.json')), 'NotReplaceable: its folder is read-only: mount it for writing, or change the file where it comes from')
  t.strictSame(readdirSync(join(folder, 'in')), ['keys.json'])
  t.equal(readFileSync(join(folder, 'outside'), 'utf8'), 'a')
})
