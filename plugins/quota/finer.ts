import type { FastifyBaseLogger } from 'fastify'
import type { Limit } from '../keys/limits.ts'
import type { Spend } from './ceiling.ts'
import { isSpending, type Ask } from './demands.ts'

/** ms between two messages about refusals that were false for all that is known. */
const REPORT = 60_000
/** Bytes that a token has of ordinary text. */
const USUAL = 4

/** What a limit had left, and what a request needs of it with so many tokens of text. */
export type Need = (tokens: number) => { need: number, left: number }

/**
 * Second thoughts about a refusal. The bytes of a text are a loose bound on its tokens, so a request may be refused that
 * would have fitted. Where a tokenizer fits the model it is asked first; refusals that were false for all that can be told
 * are counted.
 */
export class Finer {
  /** Requests that were let through because they were counted. */
  spared = 0
  /** Requests that were refused, and would have fitted if their text is like most. */
  falseRefusals = 0
  readonly #log: Pick<FastifyBaseLogger, 'info'>
  #reportedAt = -Infinity

  constructor (log: Pick<FastifyBaseLogger, 'info'>) {
    this.#log = log
  }

  /** Whether it is worth counting: without any text it would fit. */
  worth (spend: Spend | undefined, limit: Limit, need: Need): spend is Spend & Required<Pick<Spend, 'count'>> {
    return spend?.count !== undefined && spend.tokens === undefined && isSpending(limit) && fits(need(0))
  }

  /** What was asked for, with its text counted; `undefined` where nothing can count it, or that helps nothing. */
  async count (ask: Ask, spend: Required<Pick<Spend, 'count'>> & Spend): Promise<Ask | undefined> {
    const tokens = await spend.count()
    return tokens === undefined || tokens >= spend.bytes ? undefined : { ...ask, spend: { ...spend, tokens } }
  }

  /** It stays refused. */
  refused ({ key, spend }: Ask, limit: Limit, need: Need): void {
    if (spend === undefined || spend.tokens !== undefined || !isSpending(limit) || !fits(need(Math.ceil(spend.bytes / USUAL)))) return
    this.falseRefusals++
    const now = performance.now()
    if (now - this.#reportedAt < REPORT) return
    this.#reportedAt = now
    this.#log.info({ key: key.label, limit: limit.name, false_refusals: this.falseRefusals }, 'refused by the bytes of its text, although it would probably have fitted: a tokenizer would tell (docs/limits.md)')
  }
}

function fits ({ need, left }: ReturnType<Need>): boolean {
  return need <= left
}
