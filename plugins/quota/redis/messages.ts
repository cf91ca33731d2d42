import type { Gauge, Granted, Used } from '../store.ts'
import { spanOf } from './keys.ts'

/** What a gateway tells Redis beside reservations. Moments are on this process's monotonic clock. */
export type Message =
  /** A hold ends with what was really used. */
  | { kind: 'settle', id: string, used: number[] }
  /** A reservation that was not answered in time shall not be. */
  | { kind: 'cancel', id: string }
  /** What this gateway's own rows say of a counter, where they are not in it yet, and what is known of other gateways'. */
  | { kind: 'share', gauge: Gauge, own: Share, others: Array<[source: string, share: Share]> | undefined }
  /** What was used while apart. */
  | { kind: 'merge', gauge: Gauge, share: Share, window: string }
  /** A hold that Redis does not have. */
  | { kind: 'hold', granted: Granted, at: number }

/** An amount, and since when it was used. */
export interface Share { used: number, at: number }

type Field = string | number

/** A moment of the wall clock, which the ledger's rows have, becomes one of the monotonic. */
export function shareOf ({ used, startedAt }: Used): Share {
  return { used, at: performance.now() - (startedAt === undefined ? 0 : Math.max(0, Date.now() - startedAt)) }
}

/** As scripts/apply.ts reads them: the receiver's clock is another, so it is told how long ago things were. */
export function encode (message: Message): Field[] {
  switch (message.kind) {
    case 'settle': return ['settle', message.id, ...message.used]
    case 'cancel': return ['cancel', message.id]
    case 'share': {
      const { gauge, own, others } = message
      return ['share', ...named(gauge), own.used, age(own.at), others === undefined ? 0 : 1,
        ...(others ?? []).flatMap(([source, { used, at }]) => [source, used, age(at)])]
    }
    case 'merge': return ['merge', ...named(message.gauge), message.share.used, age(message.share.at), message.window]
    case 'hold': {
      const { granted: { id, demands, held, levels }, at } = message
      return ['hold', id, ...demands.flatMap((demand, i) =>
        [...named(demand), held[i] ?? 0, demand.window.kind === 'length' ? Math.round((levels[i]?.resetIn ?? 0) - age(at)) : 0])]
    }
  }
}

function named ({ counter, window }: Gauge): Field[] {
  return [counter, window.kind, spanOf(window)]
}

function age (at: number): number {
  return Math.max(0, Math.round(performance.now() - at))
}
