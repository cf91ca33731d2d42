import type { VirtualKey } from '../keys/index.ts'
import type { State } from '../upstream/health.ts'
import type { Work } from '../slices.ts'
import type { Labels } from './shown.ts'

const STATES: readonly State[] = ['closed', 'half-open', 'open']

/**
 * How many targets are in which state, by provider and the name that replies call them. Keys that list the same place share
 * its state: it counts once. There may be very many keys.
 */
export function * targetStates (keys: Iterable<VirtualKey>, stateOf: (id: string) => State): Work<Array<[Labels, number]>> {
  const named = new Map<string, { provider: string, ids: Set<string> }>()
  for (const { targets = [] } of keys) {
    for (const { provider, name, healthId } of targets) {
      const found = named.get(name)
      if (found === undefined) named.set(name, { provider, ids: new Set([healthId]) })
      else found.ids.add(healthId)
    }
    yield
  }
  const counts: Array<[Labels, number]> = []
  for (const [target, { provider, ids }] of named) {
    const states = new Map<State, number>()
    for (const id of ids) {
      const state = stateOf(id)
      states.set(state, (states.get(state) ?? 0) + 1)
    }
    for (const state of STATES) counts.push([{ provider, target, state }, states.get(state) ?? 0])
    yield
  }
  return counts
}
