import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'

/** A process that takes the flags first, as server.ts does, and says then what it is. */
const CODE = `
  import { takeFlags } from ${JSON.stringify(new URL('../flags.ts', import.meta.url).href)}
  takeFlags()
  const { pid, execArgv, argv, env } = process
  const told = { pid, flags: execArgv.filter((flag) => !/input-type|^-e$|\\n/.test(flag)), arguments: argv.slice(1), arenas: env.MALLOC_ARENA_MAX, kept: env.KEPT }
  process.send?.(told)
  console.log(JSON.stringify(told))
`
const FLAGS = ['--max-semi-space-size=8', '--initial-old-space-size=64', '--no-allocation-site-pretenuring', '--no-maglev', '--v8-pool-size=2', '--no-parallel-scavenge']

interface Told { pid: number, flags: string[], arguments: string[], arenas?: string, kept?: string }

function start (given: string[], env: Record<string, string> = {}): Told & { spawned: number } {
  const { pid, stdout, stderr } = spawnSync(process.execPath, [...given, '--input-type=module', '-e', CODE, 'one', 'two words'], {
    encoding: 'utf8', env: { PATH: process.env['PATH'], ...env }
  })
  t.equal(stderr, '')
  return { ...JSON.parse(stdout) as Told, spawned: pid }
}

t.test('a process takes the flags, and is the same one to all others', async (t) => {
  const { pid, spawned, ...told } = start([], { KEPT: 'yes' })
  t.same(told, { flags: FLAGS, arguments: ['one', 'two words'], arenas: '1', kept: 'yes' })
  t.equal(pid, spawned)
})

t.test('what was given stands', async (t) => {
  const others = FLAGS.filter((flag) => !/semi-space|maglev/.test(flag))
  t.same(start(['--max_semi_space_size=16', '--maglev']).flags, [...others, '--max_semi_space_size=16', '--maglev'])
  const { flags, arenas } = start([], { NODE_OPTIONS: '--no-warnings --max-semi-space-size=32', MALLOC_ARENA_MAX: '4' })
  t.same(flags, FLAGS.filter((flag) => !flag.includes('semi-space')))
  t.equal(arenas, '4')
})

t.test('a channel to the parent is kept, and whoever may not start programs goes on as he is', async (t) => {
  const child = fork('-', { execArgv: ['--input-type=module', '-e', CODE], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [{ flags }] = await once(child, 'message') as [Told]
  t.same(flags, [])
  child.disconnect()
  t.same(start(['--permission', '--allow-fs-read=*']).flags, ['--permission', '--allow-fs-read=*'])
})
