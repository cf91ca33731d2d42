/**
 * Ids of tool calls as the vendor wants them: of letters, digits, `_` and `-`, each once in a conversation. Other
 * vendors' ids are mapped, the same way in every request of a conversation; results follow their calls.
 */
export class ToolIds {
  readonly #taken = new Set<string>()
  readonly #current = new Map<string, string>()
  /** The number that an id gets next which is taken: some clients give every call the same. */
  readonly #next = new Map<string, number>()

  call (id: string): string {
    const clean = id.replaceAll(/[^a-zA-Z0-9_-]/g, '_') || 'call'
    let free = clean
    while (this.#taken.has(free)) {
      const n = this.#next.get(clean) ?? 2
      this.#next.set(clean, n + 1)
      free = `${clean}_${n}`
    }
    this.#taken.add(free)
    this.#current.set(id, free)
    return free
  }

  /** The latest call of that id. A result without its call keeps its name, for the provider to judge. */
  result (callId: string): string {
    return this.#current.get(callId) ?? (callId.replaceAll(/[^a-zA-Z0-9_-]/g, '_') || 'call')
  }
}
