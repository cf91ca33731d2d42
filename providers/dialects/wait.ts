/** A wait as people and OpenAI's headers write it: `59m12s`, `1h0m0s`, `7s`. Rounded up to whole seconds. */
export function formatWait (ms: number): string {
  const total = Math.ceil(ms / 1000)
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60]
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`
}
