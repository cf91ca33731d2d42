import { createHash } from 'node:crypto'

/** Stands for the provider's proof that thoughts are its own: they must come back as they went out. */
export function sign (thoughts: string): string {
  return createHash('sha256').update(`simulator:${thoughts}`).digest('base64')
}
