import { setImmediate } from 'node:timers/promises'
import type { Registry } from 'prom-client'

/**
 * All metrics as text. The event loop has its turn between any two of them: with many models it is megabytes, and no stream
 * should wait for it.
 */
export async function render (registry: Registry): Promise<string> {
  const texts: string[] = []
  for (const { name } of registry.getMetricsAsArray()) {
    texts.push(await registry.getSingleMetricAsString(name))
    await setImmediate()
  }
  return `${texts.join('\n\n')}\n`
}
