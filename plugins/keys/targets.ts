import { hash } from 'node:crypto'
import type { VirtualKey } from './key.ts'
import type { KeyEntry } from './schema.ts'

/** One of several places that a key's requests may go to. */
export interface KeyTarget {
  provider: string
  apiKey: string
  /** What replies call it: the provider, and where that is there more than once, which of them. */
  name: string
  /** Under which its failures are noted. */
  healthId: string
  model?: string
  weight?: number
}

export type Accounts = NonNullable<KeyEntry['targets']>

/** What the file says of where requests go, as a list. @throws what `fault` makes */
export function accountsOf ({ targets, provider, api_key: apiKey }: KeyEntry, fault: (reason: string) => Error): Accounts {
  if (targets !== undefined) {
    if (provider !== undefined || apiKey !== undefined) throw fault('"targets" stands in place of "provider" and "api_key": give either')
    if (targets.every(({ weight }) => weight === 0)) throw fault('"targets" has no "weight" above 0')
    return targets
  }
  if (provider === undefined) throw fault('"provider" is missing')
  if (apiKey === undefined) throw fault('"api_key" is missing')
  return [{ provider, api_key: apiKey }]
}

/** @param secretOf finds the real key of the file's text */
export function toTargets (accounts: Accounts, secretOf: (text: string) => string): [KeyTarget, ...KeyTarget[]] {
  return accounts.map(({ provider, api_key: text, model, weight }, index) => {
    const apiKey = secretOf(text)
    const before = accounts.slice(0, index).filter((other) => other.provider === provider).length
    return {
      provider,
      apiKey,
      name: before === 0 ? provider : `${provider}#${before + 1}`,
      healthId: hash('sha256', JSON.stringify([provider, apiKey, model])).slice(0, 16),
      ...model !== undefined && { model },
      ...weight !== undefined && { weight }
    }
  }) as [KeyTarget, ...KeyTarget[]]
}

/** The real keys behind a virtual one. */
export function realKeys ({ apiKey, targets }: Pick<VirtualKey, 'apiKey' | 'targets'>): string[] {
  return targets === undefined ? [apiKey] : [...new Set(targets.map((target) => target.apiKey))]
}
