/** Whoever wants to be one of so many at once. */
export interface Guest {
  /** It is its turn. */
  go (): void
}

/** The calls to one origin: so many at once, and behind them so many that wait, in the order in which they came. */
export class Lane {
  readonly #most: number
  readonly #room: number
  readonly #inside = new Set<Guest>()
  readonly #waiting = new Set<Guest>()
  /** How many found no room, and how many waited for too long. */
  readonly refused = { full: 0, late: 0 }

  /** @param room how many may wait */
  constructor (most: number, room: number) {
    this.#most = most
    this.#room = room
  }

  get open (): number {
    return this.#inside.size
  }

  get waiting (): number {
    return this.#waiting.size
  }

  /** @returns whether there was a place, or room to wait for one */
  enter (guest: Guest): boolean {
    if (this.#inside.size < this.#most) {
      this.#inside.add(guest)
      guest.go()
      return true
    }
    if (this.#waiting.size >= this.#room) {
      this.refused.full++
      return false
    }
    this.#waiting.add(guest)
    return true
  }

  /** It is over, or no longer waits. */
  leave (guest: Guest): void {
    if (this.#waiting.delete(guest) || !this.#inside.delete(guest) || this.#waiting.size === 0) return
    const next = this.#waiting.values().next().value
    if (next === undefined) return
    this.#waiting.delete(next)
    this.#inside.add(next)
    next.go()
  }
}
