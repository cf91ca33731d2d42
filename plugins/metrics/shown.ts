import { Counter, Gauge, type Registry } from 'prom-client'

export type Labels = Record<string, string>
export type Values = Iterable<[labels: Labels, value: number]>

/** Adds a metric whose values are looked at when Prometheus asks. */
export type Show = (name: string, help: string, labelNames: readonly string[], values: () => Values | Promise<Values>) => void

export interface Shown { counter: Show, gauge: Show }

export function shownIn (registry: Registry): Shown {
  return {
    counter (name, help, labelNames, values) {
      registry.registerMetric(new Counter({ name, help, labelNames: [...labelNames], registers: [], async collect () { show(this, await values()) } }))
    },
    gauge (name, help, labelNames, values) {
      registry.registerMetric(new Gauge({ name, help, labelNames: [...labelNames], registers: [], async collect () { show(this, await values()) } }))
    }
  }
}

/** Makes a metric stand where it is said to. */
function show (metric: { reset (): void, inc (labels: Labels, value: number): void }, values: Values): void {
  metric.reset()
  for (const [labels, value] of values) metric.inc(labels, value)
}
