/** Limits, counters and sums have an owner: a key, by its id of hexadecimal digits, or a group, by this and its name. */
const GROUP = 'group:'

export function groupOwner (name: string): string {
  return `${GROUP}${name}`
}

/** The name of the group that an owner is; `undefined` of a key. */
export function groupOf (owner: string): string | undefined {
  return owner.startsWith(GROUP) ? owner.slice(GROUP.length) : undefined
}
