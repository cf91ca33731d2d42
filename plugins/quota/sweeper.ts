import { LinkedList } from '../linked-list.ts'
import type { StoreHold } from './hold.ts'

/** ms between two looks. */
const INTERVAL = 30_000

/**
 * Knows every hold that is open. One whose request is over, and was at the last look too, was forgotten by whoever had
 * to end it: that is a fault of ours, and must not narrow a key's limits until the process ends.
 */
export class Sweeper {
  readonly #open = new LinkedList<StoreHold>()
  readonly #onLeak: (hold: StoreHold) => void
  readonly #timer: NodeJS.Timeout
  #suspects = new Set<StoreHold>()

  constructor (onLeak: (hold: StoreHold) => void, interval = INTERVAL) {
    this.#onLeak = onLeak
    this.#timer = setInterval(() => this.sweep(), interval).unref()
  }

  get size (): number {
    return this.#open.size
  }

  add (hold: StoreHold): void {
    hold.place = this.#open.add(hold)
  }

  delete (hold: StoreHold): void {
    if (hold.place !== undefined) this.#open.remove(hold.place)
  }

  /** How much of a counter the open holds have. */
  heldOf (counter: string): number {
    let sum = 0
    for (const { granted: { demands, held } } of this.#open) {
      const index = demands.findIndex((demand) => demand.counter === counter)
      if (index !== -1) sum += held[index] ?? 0
    }
    return sum
  }

  /** What all open holds have together. */
  get sums (): { money: number, tokens: number } {
    let money = 0
    let tokens = 0
    for (const hold of this.#open) {
      money += hold.money
      tokens += hold.tokens
    }
    return { money, tokens }
  }

  sweep (): void {
    const dead = [...this.#open].filter((hold) => !hold.alive())
    const leaked = dead.filter((hold) => this.#suspects.has(hold))
    this.#suspects = new Set(dead)
    for (const hold of leaked) {
      this.#onLeak(hold)
      hold.expire()
    }
  }

  stop (): void {
    clearInterval(this.#timer)
  }
}
