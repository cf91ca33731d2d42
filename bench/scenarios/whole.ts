import { percentile } from '../statistics.ts'
import { atRate } from '../load/rate.ts'
import { saturate } from '../load/wrk.ts'
import type { Target } from '../targets/target.ts'
import { account, type Scenario } from './scenario.ts'

const CONNECTIONS = 64
const MEGABYTE = 1024 * 1024

/** Whole replies, as many as can be had. */
export function whole (name: string, title: string, targets: Target[]): Scenario {
  return saturated(name, title, targets, CONNECTIONS, 0)
}

/** The same with prompts of 1 MB. */
export function prompts (name: string, title: string, targets: Target[]): Scenario {
  return saturated(name, title, targets, 4, MEGABYTE)
}

function saturated (name: string, title: string, targets: Target[], connections: number, padding: number): Scenario {
  return {
    name,
    title,
    unit: 'request',
    targets,
    async measure (running, { seconds }) {
      const { result: { good, faults, p50, p99, seconds: taken }, cpu } = await account(running, () => saturate(running, seconds, connections, padding))
      return { figures: { cpu: cpu / good * 1e6, rate: good / taken, p50, p99 }, faults }
    }
  }
}

/** Whole replies at a fixed rate. */
export function rate (name: string, perSecond: number, targets: Target[]): Scenario {
  return {
    name,
    title: `Whole replies, ${perSecond.toLocaleString('en')} a second, whether or not earlier ones have come`,
    unit: 'request',
    targets,
    async measure (running, { seconds, smoke }) {
      const { result: { good, faults, latencies }, cpu } = await account(running, () => atRate(running, seconds, smoke ? perSecond / 5 : perSecond))
      return { figures: { cpu: cpu / good * 1e6, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) }, faults }
    }
  }
}
