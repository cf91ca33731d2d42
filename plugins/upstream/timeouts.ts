import type { Config } from '../config/index.ts'

/** How long a call may wait for what, in ms. 0 waits for ever. */
export interface Timeouts {
  /** For a connection. */
  connect: number
  /** For the reply's headers, a wait for a free connection included. */
  request: number
  /** Between two pieces of the reply. Comments are pieces too. */
  idle: number
  /** For a stream's first content, where there is another target to go to. */
  firstToken: number
  /** For a token, while there is nothing but comments. */
  noToken: number
}

/**
 * A key's go before its provider's, and those before all providers'. Whoever sets `request` sets `idle` too, unless it is
 * set there as well.
 *
 * @param provider what the settings say of this provider alone
 * @param own what a key sets for itself; its `connect` counts only where it is the shorter one: keys share connections
 */
export function timeoutsOf (config: Config, provider: Partial<Timeouts> = {}, own: Partial<Timeouts> = {}): Timeouts {
  const request = own.request ?? provider.request ?? config.requestTimeout
  return {
    connect: shortest([request, provider.connect ?? config.connectTimeout, own.connect ?? 0]),
    request,
    idle: own.idle ?? own.request ?? provider.idle ?? provider.request ?? config.idleTimeout ?? request,
    firstToken: own.firstToken ?? provider.firstToken ?? config.firstTokenTimeout,
    noToken: own.noToken ?? provider.noToken ?? config.noTokenTimeout
  }
}

function shortest (timeouts: number[]): number {
  const limits = timeouts.filter((timeout) => timeout > 0)
  return limits.length === 0 ? 0 : Math.min(...limits)
}
