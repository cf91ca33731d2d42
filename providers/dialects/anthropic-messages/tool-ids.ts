/**
 * Ids of tool calls as the vendor wants them: of letters, digits, `_` and `-`, each once in a conversation. Other
 * vendors' ids are mapped, the same way in every request of a conversation; results follow their calls.
 */
export class ToolIds {
  readonly #taken = new Set<string>()
  readonly #current = new Map<string, string>()

  call (id: string): string {
    const clean = id.replaceAll(/[^a-zA-Z0-9_-]/g, '_') || 'call'
    let free = clean
    for (let n = 2; this.#taken.has(free); n++) free = `${clean}_${n}`
    this.#taken.add(free)
    this.#current.set(id, free)
    return free
  }

  /** The latest call of that id. A result without its call keeps its name, for the provider to judge. */
  result (callId: string): string {
    return this.#current.get(callId) ?? (callId.replaceAll(/[^a-zA-Z0-9_-]/g, '_') || 'call')
  }
}
