import { LinkedList, type Place } from '../linked-list.ts'

/** Whoever wants to be one of so many at once. */
export interface Guest {
  /** The lane's own. */
  place: Place<Guest> | 'inside' | undefined
  /** It is its turn. */
  go (): void
}

/** The calls to one origin: so many at once, and behind them so many that wait, in the order in which they came. */
export class Lane {
  readonly #most: number
  readonly #room: number
  readonly #waiting = new LinkedList<Guest>()
  #inside = 0
  /** How many found no room, and how many waited for too long. */
  readonly refused = { full: 0, late: 0 }

  /** @param room how many may wait */
  constructor (most: number, room: number) {
    this.#most = most
    this.#room = room
  }

  get open (): number {
    return this.#inside
  }

  get waiting (): number {
    return this.#waiting.size
  }

  /** @returns whether there was a place, or room to wait for one */
  enter (guest: Guest): boolean {
    if (this.#inside < this.#most) {
      this.#let(guest)
      return true
    }
    if (this.#waiting.size >= this.#room) {
      this.refused.full++
      return false
    }
    guest.place = this.#waiting.add(guest)
    return true
  }

  /** It is over, or no longer waits. */
  leave (guest: Guest): void {
    const { place } = guest
    guest.place = undefined
    if (place === undefined) return
    if (place !== 'inside') return void this.#waiting.remove(place)
    this.#inside--
    const next = this.#waiting.shift()
    if (next !== undefined) this.#let(next)
  }

  #let (guest: Guest): void {
    guest.place = 'inside'
    this.#inside++
    guest.go()
  }
}
