import type { Bound } from '../../providers/dialects/dialect.ts'
import { inputBound } from '../../providers/dialects/bound.ts'
import { GatewayError } from '../errors.ts'
import type { Prices } from '../prices/index.ts'
import { dearest } from './dearest.ts'
import type { Elastic } from './store.ts'

/** Where a request may go. */
interface Target {
  provider: string
  /** By the name that the provider knows. */
  model: string
  /** As the provider's file has it, which the operator's prices go before. */
  maxOutputTokens?: number | undefined
}

/** What a request may spend beside itself: what its tokens and their price depend on. */
export interface Spend {
  /** It is held at the dearest of them. */
  targets: Target[]
  /** Of the body that goes to the provider. */
  bytes: number
  /** Tokens that a tokenizer makes of those bytes, once it was asked: a text has no more of them than bytes. */
  tokens?: number
  /** Asks it, where the bytes are too many: see `finer.ts`. `undefined` where none fits. */
  count?: () => Promise<number | undefined>
  /** Asked only where the key has a limit on tokens or money. `undefined`: nothing is known. */
  bound: () => Bound | undefined
  /** Whether the gateway can cap the request's output where it has no cap of its own. */
  capable: boolean
}

/** How many tokens a request may take at most: of each target's prompt, and of the output. */
export interface Size {
  bound: Bound
  /** In the order of the targets. */
  inputs: number[]
  /** Tokens of one answer, where the request caps them. */
  output: number | undefined
  /** Set where the gateway has to. */
  elastic: Elastic | undefined
  /** Answers that a token of output is made for. */
  choices: number
}

/** What it takes of a counter at most: whatever the output, and for each token of it. */
export interface Part { base: number, each: number }

/** A cap below this many tokens is no use to a client: what affords no more is refused. Models with smaller answers have theirs. */
export const FLOOR = 256

const MILLION = 1_000_000

/** @throws {GatewayError} `unbounded_cost` that names what has no bound; `undefined` where the request is free */
export function sizeOf ({ targets, bytes, tokens: counted = bytes, bound: ask, capable }: Spend, prices: Prices): Size | undefined {
  const bound = ask()
  if (bound?.free === true) return undefined
  if (bound === undefined) throw unbounded('What a request of this kind may use cannot be bounded', targets[0])
  if (bound.unbounded.length > 0) throw unbounded(`Nothing bounds what these may use: ${bound.unbounded.join(', ')}`, targets[0])
  const inputs = targets.map((target) => {
    const tokens = inputBound(Math.min(bytes, counted), bound) ?? prices.find(target.provider, target.model)?.contextWindow
    if (tokens !== undefined) return tokens
    throw unbounded(`More than the request's own text goes into the prompt, and how long that may be is not known. ${missing(target, 'context_window')}`, target)
  })
  const { generates, output = generates ? undefined : 0, choices } = bound
  if (output !== undefined) return { bound, inputs, output, elastic: undefined, choices }
  if (!capable) throw unbounded('The request caps its output nowhere, and the gateway cannot', targets[0])
  const most = Math.min(...targets.map((target, index) => {
    const { maxOutputTokens = target.maxOutputTokens, contextWindow } = prices.find(target.provider, target.model) ?? {}
    if (maxOutputTokens !== undefined) return maxOutputTokens
    // A cap that leaves no room for the prompt is refused by providers.
    if (contextWindow !== undefined) return Math.max(FLOOR, contextWindow - (inputs[index] ?? 0))
    throw unbounded(`The request has no cap on its output, and the longest is not known. Set one, or: ${missing(target, 'max_output_tokens')}`, target)
  }))
  return { bound, inputs, output: undefined, elastic: { least: Math.min(FLOOR, most), most }, choices }
}

export function tokensOf ({ inputs, output = 0, elastic, choices }: Size): Part {
  return { base: Math.max(...inputs) + output * choices, each: elastic === undefined ? 0 : choices }
}

/**
 * @param time ms since 1970
 * @throws {GatewayError} `price_unknown`
 */
export function moneyOf ({ bound, inputs, output = 0, elastic, choices }: Size, { targets }: Spend, time: number, prices: Prices): Part {
  const parts = targets.map(({ provider, model }, index) => {
    const price = prices.find(provider, model)
    if (price === undefined) throw unpriced(provider, model)
    const tokens = inputs[index] ?? 0
    const rates = dearest(price, time, tokens, bound.cacheWrite)
    return {
      base: rates.request + (tokens * rates.input + output * choices * rates.output) / MILLION,
      each: elastic === undefined ? 0 : choices * rates.output / MILLION
    }
  })
  return { base: Math.max(...parts.map(({ base }) => base)), each: Math.max(...parts.map(({ each }) => each)) }
}

function unbounded (reason: string, target: Target | undefined): GatewayError {
  return new GatewayError('unbounded_cost', {
    message: `${reason}. (This key has a limit on tokens or money, which a request must be sure to keep.)`,
    model: target?.model
  })
}

function missing ({ provider, model }: Target, field: string): string {
  return `whoever runs the gateway can give the model '${model.slice(0, 128)}' of provider ${provider} a price with "${field}" in PRICES_FILE`
}

function unpriced (provider: string, model: string): GatewayError {
  return new GatewayError('price_unknown', {
    message: `What the model '${model.slice(0, 128)}' of provider ${provider} costs is not known, and this key has a budget. ` +
      'Whoever runs the gateway can add its price to PRICES_FILE (docs/prices.md).',
    param: 'model',
    model
  })
}
