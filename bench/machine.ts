import { spawnSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'

/** What figures depend on besides the programs. */
export function machine (): Record<string, string> {
  const processors = cpus()
  return {
    cpu: `${processors.length} × ${processors[0]?.model ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    nginx: /nginx\/(\S+)/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr)?.[1] ?? 'unknown'
  }
}

/** Of the code, with a `+` where something was changed since; none outside of a repository. */
export function commit (): { commit?: string } {
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' })
    return status === 0 ? stdout.trim() : undefined
  }
  const head = git('rev-parse', '--short', 'HEAD')
  return head === undefined ? {} : { commit: head + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+') }
}

/** What has to be there. @throws {Error} that says how to get it */
export function checkTools (): void {
  if (process.platform !== 'linux') throw new Error('the benchmark reads CPU times from /proc: it needs Linux, in a container for instance')
  const missing = ['wrk', 'nginx'].filter((tool) => spawnSync(tool, ['-v']).error !== undefined)
  if (missing.length === 0) return
  throw new Error(`${missing.join(' and ')} missing. On Debian and Ubuntu: apt-get install wrk nginx-light. On Fedora: dnf install wrk nginx. On Alpine: apk add wrk nginx.`)
}
