import { setTimeout as sleep } from 'node:timers/promises'
import { busy, cpuOf } from '../cpu.ts'
import type { Running, Target } from '../targets/target.ts'

/** What is measured, each with its unit. */
export const figures = {
  cpu: 'CPU µs',
  rate: 'per second',
  p50: 'p50 ms',
  p99: 'p99 ms',
  firstP50: 'first chunk p50 ms',
  firstP99: 'first chunk p99 ms',
  lost: 'lost',
  memory: 'memory MB',
  growth: 'KB per stream',
  grown: 'grown by MB',
  start: 'start ms',
  longest: 'longest pause ms',
  pauseP99: 'pauses p99 ms',
  clock: 'longest by the clock ms'
} as const

export type Figure = keyof typeof figures

export interface Sample {
  figures: Partial<Record<Figure, number>>
  /** What was wrong with replies. */
  faults: string[]
}

export interface Surroundings {
  /** How long each measurement takes. */
  seconds: number
  /** Small in everything: only whether it works. */
  smoke: boolean
  provider: { port: number, pid: number }
}

export interface Scenario {
  name: string
  title: string
  /** What `cpu` and `rate` are per. */
  unit: 'request' | 'chunk'
  targets: Target[]
  /** Each measurement has a process of its own, which nothing has warmed up. */
  fresh?: boolean
  measure (running: Running, surroundings: Surroundings): Promise<Sample>
}

export interface Account<T> {
  result: T
  /** Seconds of CPU of the target; NaN where there is none. */
  cpu: number
  seconds: number
}

/** What the target's process used while the work was done. */
export async function account<T> ({ pid }: Running, work: () => Promise<T>): Promise<Account<T>> {
  const used = (): number => pid === undefined ? NaN : cpuOf(pid).own
  const [start, before] = [performance.now(), used()]
  const result = await work()
  return { result, cpu: used() - before, seconds: (performance.now() - start) / 1000 }
}

/** Cores that others than the benchmark kept busy meanwhile. */
export async function neighbours<T> (running: Running, { provider }: Surroundings, work: () => Promise<T>): Promise<{ result: T, others: number }> {
  const pids = [provider.pid, ...(running.pid === undefined ? [] : [running.pid])]
  const own = (): number => {
    const self = cpuOf('self')
    return pids.reduce((sum, pid) => sum + cpuOf(pid).own, self.own + self.children)
  }
  const [start, busyBefore, ownBefore] = [performance.now(), busy(), own()]
  const result = await work()
  const seconds = (performance.now() - start) / 1000
  return { result, others: Math.max(0, (busy() - busyBefore - (own() - ownBefore)) / seconds) }
}

/** For as long as the process still has to do with what came before. */
export const settle = (): Promise<void> => sleep(300)
