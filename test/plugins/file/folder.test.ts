import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeFolder, makeFolderSync } from '../../../plugins/file/folder.ts'

const ways: Record<string, (path: string) => Promise<void>> = { 'at once': async (path) => makeFolderSync(path), 'in its time': makeFolder }

for (const [name, make] of Object.entries(ways)) {
  t.test(`folders that are missing are made, for their owner alone, ${name}`, async (t) => {
    const path = join(t.testdir({}), 'a', 'b', 'c')
    await make(path)
    for (const folder of [path, join(path, '..'), join(path, '..', '..')]) t.equal(statSync(folder).mode & 0o777, 0o700)
    await make(path)
    await Promise.all([make(join(path, 'd', 'e')), make(join(path, 'd', 'f'))])
    t.ok(existsSync(join(path, 'd', 'e')) && existsSync(join(path, 'd', 'f')))
  })

  t.test(`what cannot be made is told, ${name}`, async (t) => {
    const dir = t.testdir({})
    writeFileSync(join(dir, 'file'), '')
    mkdirSync(join(dir, 'real'))
    symlinkSync(join(dir, 'nowhere'), join(dir, 'link'))
    symlinkSync(join(dir, 'real'), join(dir, 'there'))
    await make(join(dir, 'file'))
    t.ok(statSync(join(dir, 'file')).isFile(), 'what is there stays')
    await t.rejects(make(join(dir, 'file', 'below')), { code: 'ENOTDIR' })
    await t.rejects(make(join(dir, 'link')), { code: 'EEXIST' })
    await make(join(dir, 'there', 'below'))
    t.ok(existsSync(join(dir, 'real', 'below')))
  })

  t.test(`a folder that takes none ends in a fault, ${name}`, { skip: !existsSync('/proc/self') }, async (t) => {
    await t.rejects(make('/proc/x/y'), { code: /ENOENT|EACCES|EPERM|EROFS/ })
  })
}
