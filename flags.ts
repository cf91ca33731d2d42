/**
 * V8's flags, each measured with bench/ (docs/benchmarks.md), and what glibc is told, for the gateway however it is started:
 * a process that came without them becomes one that has them, before it loads anything.
 */
const FLAGS = [
  /** Young objects have 3 × 8 MB, an eighth of what Node 24 would take: 30 MB less for 2,000 streams. */
  '--max-semi-space-size=8',
  /** Old ones are looked through from there on: what outlives a request is little. */
  '--initial-old-space-size=64',
  /** None is old from its birth: one such object of a request, and all of the request grows old with it. */
  '--no-allocation-site-pretenuring',
  /** What this compiler takes while it works is not given back: 20 MB. TurboFan comes all the same. */
  '--no-maglev',
  /** With four helpers on two cores the collector waits for them: longest pauses half as long. */
  '--v8-pool-size=2',
  /** Of young objects little is left to move: waking helpers for that, 90 times a second, costs 5 % of a request. */
  '--no-parallel-scavenge'
]
/** One arena of memory for all threads: those of V8's workers keep what they once took, a tenth of that of 2,000 open streams. */
const ARENAS = { MALLOC_ARENA_MAX: '1' }

/**
 * Flags that were given stand, by command line or `NODE_OPTIONS`, for or against. The process keeps its id, its output and its
 * environment. It stays as it is where it cannot be replaced (Windows), may not be (`--permission`), and where a parent would
 * lose its channel to it (`node --watch`, `fork`). Node calls `execve` experimental, and where the system refuses it ends the process
 * with the reason; one that is given all flags calls nothing.
 */
export function takeFlags (): void {
  if (process.execve === undefined || process.channel != null || process.permission?.has('child') === false) return
  const given = new Set([...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(' ')].map(nameOf))
  const missing = FLAGS.filter((flag) => !given.has(nameOf(flag)))
  if (missing.length > 0) process.execve(process.execPath, [process.argv0, ...missing, ...process.execArgv, ...process.argv.slice(1)], { ...ARENAS, ...process.env })
}

/** The same for `--maglev`, `--no-maglev` and `--no_maglev=…`. */
function nameOf (flag: string): string {
  return flag.replace(/=.*$/s, '').replaceAll('_', '-').replace(/^-+(?:no-)?/, '')
}
