import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { rssOf } from '../cpu.ts'
import { saturate } from '../load/wrk.ts'
import type { Running, Target } from '../targets/target.ts'
import { settle, type Scenario } from './scenario.ts'

const MEGABYTE = 1024 * 1024

/** From nothing to the first good reply, and what it needs when nobody asks for anything. */
export function coldStart (name: string, targets: Target[]): Scenario {
  return {
    name,
    title: 'Cold start, to the first good reply; memory when idle',
    unit: 'request',
    fresh: true,
    targets,
    async measure (running) {
      await sleep(1000)
      return { figures: { start: running.startedIn, memory: rssOf(running.pid ?? process.pid) / MEGABYTE }, faults: [] }
    }
  }
}

/** How long the event loop stands still for a prompt of 1 MB: they come one at a time. */
export function promptPauses (name: string, targets: Target[]): Scenario {
  return {
    name,
    title: 'Pauses of the event loop, prompts of 1 MB one at a time',
    unit: 'request',
    targets,
    async measure (running, { seconds }) {
      await pauses(running)
      const { faults } = await saturate(running, seconds, 1, MEGABYTE)
      return { figures: await pauses(running), faults }
    }
  }
}

/** How long it stands still while the keys file is read again. */
export function reloadPauses (name: string, targets: Target[]): Scenario {
  return {
    name,
    title: 'Pauses of the event loop while keys.json is read again',
    unit: 'request',
    targets,
    async measure (running) {
      await settle()
      await pauses(running)
      const file = join(running.folder, 'keys.json')
      const reloads = (): number => running.output().split('keys reloaded').length
      const before = reloads()
      // One name in it changes, and nothing else.
      const text = readFileSync(file, 'utf8')
      writeFileSync(`${file}.new`, text.replace(/"name":"bench( again)*"/, (name) => `${name.slice(0, -1)} again"`), { mode: 0o600 })
      renameSync(`${file}.new`, file)
      for (const deadline = performance.now() + 30_000; reloads() === before;) {
        if (performance.now() > deadline) return { figures: {}, faults: ['the keys were not reloaded'] }
        await sleep(100)
      }
      return { figures: await pauses(running), faults: [] }
    }
  }
}

/** What the monitor in the process has seen since the last time. */
async function pauses (running: Running): Promise<{ longest: number, pauseP99: number, clock: number }> {
  const file = join(running.folder, 'pauses.json')
  rmSync(file, { force: true })
  process.kill(running.pid ?? NaN, 'SIGWINCH')
  while (!existsSync(file)) await sleep(10)
  const { longest, p99, clock } = JSON.parse(readFileSync(file, 'utf8')) as { longest: number, p99: number, clock: number }
  return { longest, pauseP99: p99, clock }
}
