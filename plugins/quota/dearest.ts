import type { ModelPrice, Rates } from '../prices/index.ts'

/** The rates that bound a request, in nano-dollars per million tokens. */
export interface Dearest {
  /** Of whatever part of the prompt is dearest. */
  input: number
  /** Of answers, their reasoning included. */
  output: number
  /** Nano-dollars for the request itself. */
  request: number
}

/**
 * ms after a request's start at which its price is looked at too: what is priced by the hour is priced at its end. Only a
 * request that goes on for longer than the last of them could see yet another rate.
 */
const MOMENTS = [0, 15, 30, 45, 60].map((minutes) => minutes * 60_000)

/**
 * The dearest rates that a request can meet: of all tiers that a prompt of so many tokens can reach, now and within the
 * hour. The highest of each is taken, though no single tier may have them all.
 *
 * @param write for how long the request has parts of its prompt cached, where it does
 */
export function dearest (price: ModelPrice, time: number, tokens: number, write: '5m' | '1h' | undefined): Dearest {
  const most: Dearest = { input: 0, output: 0, request: 0 }
  for (const wait of MOMENTS) {
    const moment = time + wait
    for (const length of [0, ...price.tiers(moment).filter((above) => above < tokens).map((above) => above + 1)]) {
      raise(most, price.at(moment, length), write)
    }
  }
  return most
}

function raise (most: Dearest, rates: Rates, write: '5m' | '1h' | undefined): void {
  const { input, cacheRead, cacheWrite5m, cacheWrite1h, output, reasoning, request } = rates
  most.input = Math.max(most.input, input, cacheRead, ...write === undefined ? [] : [cacheWrite5m], ...write === '1h' ? [cacheWrite1h] : [])
  most.output = Math.max(most.output, output, reasoning)
  most.request = Math.max(most.request, request)
}
