import { MemoryStore } from './memory.ts'
import type { Gauge, QuotaStore, Used } from './store.ts'

/** The one place where it is chosen which store keeps the counters. */
export async function openStore (seed: (gauge: Gauge) => Used): Promise<QuotaStore> {
  return new MemoryStore({ seed })
}
