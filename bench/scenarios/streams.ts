import { setTimeout as sleep } from 'node:timers/promises'
import { rssOf } from '../cpu.ts'
import { percentile } from '../statistics.ts'
import { hold, readSlowly, streamOn, streamOnce } from '../load/streams.ts'
import type { Target } from '../targets/target.ts'
import { account, settle, type Scenario } from './scenario.ts'

/** Text in a chunk, as providers send it: a token or a few. */
const TOKEN = 12
/** Chunks a second of one stream. */
const PACE = 20
const RAMP = 1500
const MEGABYTE = 1024 * 1024

/** Many streams at the pace of a provider. */
export function paced (name: string, count: number, targets: Target[]): Scenario {
  return {
    name,
    title: `${count.toLocaleString('en')} streams of ${PACE} chunks a second`,
    unit: 'chunk',
    targets,
    async measure (running, { seconds, smoke }) {
      const chunks = Math.max(PACE, Math.round((seconds + RAMP / 1000) * PACE))
      const work = () => streamOnce(running, { kind: 'stream', chunks, pause: 1000 / PACE, bytes: TOKEN }, smoke ? count / 10 : count, RAMP)
      const { result, cpu } = await account(running, work)
      return {
        figures: {
          cpu: cpu / result.chunks * 1e6,
          p50: percentile(result.latencies, 0.5),
          p99: percentile(result.latencies, 0.99),
          firstP50: percentile(result.first, 0.5),
          firstP99: percentile(result.first, 0.99),
          lost: result.lost
        },
        faults: result.faults
      }
    }
  }
}

/** Streams without any pause. */
export function flatOut (name: string, title: string, count: number, targets: Target[]): Scenario {
  return {
    name,
    title,
    unit: 'chunk',
    targets,
    async measure (running, { seconds }) {
      const { result, cpu, seconds: taken } = await account(running, () => streamOn(running, { kind: 'stream', chunks: 2000, pause: 0, bytes: TOKEN }, count, seconds))
      return { figures: { cpu: cpu / result.chunks * 1e6, rate: result.chunks / taken, lost: result.lost }, faults: result.faults }
    }
  }
}

/** Streams that are open and say little: what each costs in memory. */
export function held (name: string, count: number, targets: Target[]): Scenario {
  return {
    name,
    title: `${count.toLocaleString('en')} open streams`,
    unit: 'chunk',
    fresh: true,
    targets,
    async measure (running, { seconds, smoke }) {
      const pid = running.pid ?? process.pid
      await settle()
      const idle = rssOf(pid)
      const streams = smoke ? count / 10 : count
      const { faults, close } = await hold(running, { kind: 'stream', chunks: 1000, pause: 1000, bytes: TOKEN }, streams)
      await sleep(seconds * 1000)
      const full = rssOf(pid)
      close()
      return { figures: { growth: (full - idle) / 1024 / streams, memory: full / MEGABYTE }, faults }
    }
  }
}

/** A long reply whose reader is slower than its provider: it must wait in the provider, not in the gateway. */
export function slowReader (name: string, megabytes: number, targets: Target[]): Scenario {
  return {
    name,
    title: `${megabytes} MB through one slow reader`,
    unit: 'chunk',
    fresh: true,
    targets,
    async measure (running, { smoke }) {
      const pid = running.pid ?? process.pid
      const size = (smoke ? megabytes / 10 : megabytes) * MEGABYTE
      const bytes = 4000
      await settle()
      const idle = rssOf(pid)
      let most = idle
      const watch = setInterval(() => { most = Math.max(most, rssOf(pid)) }, 50)
      const { faults, lost } = await readSlowly(running, { kind: 'stream', chunks: Math.round(size / bytes), pause: 0, bytes }, 20 * MEGABYTE)
      clearInterval(watch)
      return { figures: { grown: (most - idle) / MEGABYTE, memory: most / MEGABYTE, lost }, faults }
    }
  }
}
