import type { Demand, Elastic } from '../store.ts'
import { keys, spanOf } from './keys.ts'
import type { Link, Reply } from '../../redis/link.ts'
import type { Sender } from './outbox.ts'
import { reserve } from './scripts/reserve.ts'

/** Reservations in one step of Redis: it does nothing else meanwhile. */
const BATCH = 50

/** A reservation that is asked for. */
interface Asked {
  id: string
  demands: Demand[]
  output: Elastic
  resolve (answer: Answer): void
  reject (error: unknown): void
}

/** What Redis answers to a reservation, and about which data. */
export interface Answer { reply: Reply, writes: number, epoch: string }

/** Reservations of one turn of the event loop go to Redis together, which costs it and this process half as much. */
export class Batch {
  readonly #link: Link
  readonly #sender: () => Sender
  #asked: Asked[] = []

  constructor (link: Link, sender: () => Sender) {
    this.#link = link
    this.#sender = sender
  }

  /** ms that whoever asks now should wait. */
  get patience (): number {
    return this.#link.patience(this.#asked.length)
  }

  /** @param all whether all sources' shares must be in @throws where there is no answer in time */
  async ask (id: string, demands: Demand[], output: Elastic, all: boolean): Promise<Answer> {
    return await new Promise<Answer>((resolve, reject) => {
      if (this.#asked.length === 0) setImmediate(() => this.#send(all))
      this.#asked.push({ id, demands, output, resolve, reject })
    })
  }

  #send (all: boolean): void {
    const asked = this.#asked
    this.#asked = []
    for (let i = 0; i < asked.length; i += BATCH) {
      const some = asked.slice(i, i + BATCH)
      this.#sendSome(some, all).catch((error: unknown) => { for (const { reject } of some) reject(error) })
    }
  }

  async #sendSome (asked: Asked[], all: boolean): Promise<void> {
    const { epoch, source, owner, lease } = this.#sender()
    const reply = await this.#link.call(reserve,
      [keys.meta, keys.owners, keys.holds(owner), ...asked.flatMap(({ id, demands }) => [keys.gone(id), ...demands.map(({ counter }) => keys.counter(counter))])],
      [epoch, source, owner, lease, all ? '1' : '', ...asked.flatMap(fields)], asked.length)
    asked.forEach(({ resolve }, i) => resolve({ reply: reply[0] === 'epoch' ? reply : listOf(reply[2 + i]), writes: Number(reply[1] ?? 0), epoch }))
  }
}

function fields ({ id, demands, output: { least, most } }: Asked): Array<string | number> {
  return [id, least, most, demands.length, ...demands.flatMap(({ window, base, each, limit, dryRun }) =>
    [window.kind, spanOf(window), base, each, limit, dryRun ? 1 : 0])]
}

function listOf (field: Reply[number] | undefined): Reply {
  return Array.isArray(field) ? field : []
}
