/** At the same target, or at the next. */
export type Kind = 'retry' | 'fallback'

/** Why a request went out again. */
export interface Resend {
  /** Who did not answer. */
  provider: string
  reason: string
}

/** Counts how often requests went out again. All words are the gateway's own, so there are only so many. */
export class Resends {
  readonly #counts = { retry: new Map<string, { resend: Resend, count: number }>(), fallback: new Map<string, { resend: Resend, count: number }>() }

  add (kind: Kind, provider: string, reason: string): void {
    const name = `${provider}\n${reason}`
    const found = this.#counts[kind].get(name)
    if (found === undefined) this.#counts[kind].set(name, { resend: { provider, reason }, count: 1 })
    else found.count++
  }

  * values (kind: Kind): Iterable<[Resend, count: number]> {
    for (const { resend, count } of this.#counts[kind].values()) yield [resend, count]
  }
}
