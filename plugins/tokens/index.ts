import fp from 'fastify-plugin'
import { countedUsage, toldUsage, type KnownUsage } from '../../providers/dialects/known-usage.ts'
import { estimateText, estimateTokens, promptOf } from '../../providers/dialects/estimate.ts'
import type { Ending } from '../../providers/dialects/reply.ts'
import type { Generated } from '../../providers/dialects/sample.ts'
import type { Encoding } from '../../providers/tokenizers.ts'
import type { Target } from '../providers.ts'
import { TokenizerThread, type ThreadOptions } from './tokenizer-thread.ts'

export type { KnownUsage, UsageSource } from '../../providers/dialects/known-usage.ts'

declare module 'fastify' {
  interface FastifyInstance {
    tokens: Tokens
  }
}

/** What is known of a request whose provider took it. */
export interface Taken {
  target: Pick<Target, 'model' | 'dialect'> & { provider: { name: string } }
  /** The client's request body. */
  request: Record<string, unknown>
  /** What the reply told; `undefined` where nothing came of it. */
  ending: Ending | undefined
  /** Whether the reply came to its end. */
  whole: boolean
}

export interface Tokens {
  /** The tokens of a text, by the tokenizer that fits the model, else by its length. Never fails. */
  count (model: string, provider: string, text: string): Promise<number>
  /** No fewer than the tokens that a body of JSON has as text, by the tokenizer that fits the model; `undefined` where none does, or it cannot say soon. */
  atMost (model: string, provider: string, body: string): Promise<number | undefined>
  /** The tokens of a request's prompt, likewise; pictures and files at a flat rate. */
  prompt (model: string, provider: string, request: Record<string, unknown>): Promise<number>
  /**
   * What a request used: at once where the provider told, else counted. Of a request that the provider refused
   * nothing may be guessed: it is not to be asked for.
   */
  usageOf (taken: Taken): KnownUsage | Promise<KnownUsage>
}

/** Tokens of one kind that a request may have. */
const MOST = 1e9
/** Characters that are counted of a text: the rest is taken to be like them. */
const COUNTED = 128 * 1024
/** Pieces of that length that are counted where every token matters. */
const PIECES = 8

/**
 * `fastify.tokens`: how many tokens a text has, for replies that were cut off before the provider said so. Counted in a
 * thread of its own by a tokenizer, which need not be installed; an estimate otherwise.
 */
export default fp<ThreadOptions>(async (fastify, options) => {
  const { config } = fastify
  const thread = new TokenizerThread(options)
  const targets = new Map(config.providers.map(({ name, targets = [] }) => [name, targets]))

  const encodingOf = (provider: string, model: string): Encoding | undefined =>
    targets.get(provider)?.find(({ match }) => model.startsWith(match))?.tokenizer
  const countBy = async (encoding: Encoding, text: string): Promise<number | undefined> => {
    const head = text.slice(0, COUNTED)
    const tokens = await thread.count(encoding, head)
    return tokens === undefined ? undefined : Math.ceil(tokens * text.length / head.length)
  }

  const tokens: Tokens = {
    async count (model, provider, text) {
      if (text === '') return 0
      const encoding = encodingOf(provider, model)
      return (encoding && await countBy(encoding, text)) ?? estimateText(text)
    },
    async atMost (model, provider, body) {
      const encoding = encodingOf(provider, model)
      if (encoding === undefined || body.length > COUNTED * PIECES) return undefined
      const meant = unescaped(body)
      if (meant === undefined) return undefined
      const text = body + meant
      let sum = 0
      for (let at = 0; at < text.length; at += COUNTED) {
        const counted = await thread.count(encoding, text.slice(at, at + COUNTED))
        if (counted === undefined) return undefined
        sum += counted
      }
      return sum
    },
    async prompt (model, provider, request) {
      const encoding = encodingOf(provider, model)
      if (encoding === undefined) return estimateTokens(request)
      const { text, tokens: rest } = promptOf(request)
      const counted = text === '' ? 0 : await countBy(encoding, text)
      return counted === undefined ? estimateTokens(request) : counted + rest
    },
    usageOf ({ target, request, ending, whole }) {
      const told = credible(ending ?? NOTHING)
      const known = toldUsage(told, whole)
      const { usage, error } = told
      if (known !== undefined && (target.dialect.stream.written === undefined || (usage?.input !== undefined && usage.output !== undefined))) return known
      if (target.dialect.stream.written === undefined) return { usage, source: usage === undefined ? 'none' : 'partial' }
      const generated = ending?.generated?.() ?? SILENT
      const { text, reasoning } = generated
      // What was written and not told is counted: a number that is left out costs, too.
      if (known !== undefined && usage?.input !== undefined && !saysSomething(generated)) return known
      // An error in place of an answer is a refusal, whatever its status.
      if (error !== undefined && usage === undefined && text === '' && reasoning === '') return { usage, source: 'none' }
      return counted(target, request, told, known !== undefined && usage?.output !== undefined ? SILENT : generated)
    }
  }

  async function counted ({ model, provider: { name }, dialect }: Taken['target'], request: Taken['request'], told: typeof NOTHING, generated: Generated): Promise<KnownUsage> {
    const { text, reasoning, calls, factor } = generated
    const [input, output, thought] = await Promise.all([
      told.usage?.input ?? tokens.prompt(model, name, request),
      tokens.count(model, name, text),
      tokens.count(model, name, reasoning)
    ])
    return countedUsage(told, { input, output: Math.ceil((output + calls * (dialect.stream.perCall ?? 0)) * factor), reasoning: Math.ceil(thought * factor) })
  }

  fastify.decorate('tokens', tokens)
  fastify.addHook('onClose', () => thread.close())
}, { name: 'tokens', fastify: '5.x', dependencies: ['config'] })

/** What is written with escapes may be fewer tokens as it is written than as it is meant, such as a form feed before `rac`: then both count. `undefined` where it is no JSON. */
function unescaped (body: string): string | undefined {
  if (!body.includes('\\')) return ''
  const texts: string[] = []
  try {
    JSON.parse(body, (name, value: unknown) => { texts.push(name, typeof value === 'string' ? value : '') })
  } catch {
    return undefined
  }
  return texts.join('\n')
}

function saysSomething ({ text, reasoning, calls }: Generated): boolean {
  return text !== '' || reasoning !== '' || calls > 0
}

/** What tells of more tokens than any request has tells nothing: no sum would hold it. */
function credible (told: typeof NOTHING): typeof NOTHING {
  return Object.values(told.usage ?? {}).some((tokens) => tokens > MOST) ? { ...told, usage: undefined } : told
}

const SILENT: Generated = { text: '', reasoning: '', calls: 0, factor: 1 }
const NOTHING: Pick<Ending, 'usage' | 'finish' | 'behind' | 'error'> = { usage: undefined, finish: undefined, error: undefined }
