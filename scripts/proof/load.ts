/** Calls at a steady rate, whether or not earlier ones have come back, over several gateways and keys. */
import { Agent, request } from 'undici'
import type { BillingProvider } from './provider.ts'
import { randomFrom } from './random.ts'

/** The real usage of a call, and the cap it asks for: a hold is always more. */
const INPUT = 40
const OUTPUT = 16
const CAP = 20

/** One reply, or what came instead. */
export interface Sample {
  /** When it was asked for, on `performance`'s clock. */
  at: number
  gateway: number
  key: string
  /** `ok`, the error's code, or `no reply` where the connection failed. */
  code: string
  /** ms besides the provider's own. */
  added: number
}

export interface Load {
  samples: Sample[]
  /** Its keys have a part each. */
  keys: string[]
  /** No new calls while set. */
  paused: boolean
  /** How many are under way. */
  underWay (): number
  stop (): Promise<void>
}

/**
 * @param urls where each gateway listens at the moment; a killed one has none
 * @param stays keys whose clients never leave early: what such a call costs is an estimate, and the bill another
 */
export function startLoad (provider: BillingProvider, urls: () => Array<string | undefined>, perSecond: number, seed: number, stays: RegExp): Load {
  const random = randomFrom(seed)
  const agent = new Agent({ connections: 100, pipelining: 1 })
  const samples: Sample[] = []
  const going = new Set<Promise<void>>()
  let count = 0

  async function call (gateway: number, url: string, key: string): Promise<void> {
    const id = `${seed}-${++count}`
    const stream = random(5) === 0
    const leaves = random(20) === 0 && !stays.test(key)
    const began = performance.now()
    let code: string
    try {
      const { statusCode, body } = await request(`${url}/v1/chat/completions`, {
        method: 'POST',
        dispatcher: agent,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, 'x-request-id': id },
        body: JSON.stringify({
          model: 'gpt-5.4-mini',
          stream,
          max_completion_tokens: CAP,
          user: id,
          metadata: { kind: stream ? 'stream' : 'whole', input: String(INPUT), output: String(OUTPUT) },
          messages: [{ role: 'user', content: 'Count the calls.' }]
        }),
        // Some leave before the reply has come.
        ...leaves && { signal: AbortSignal.timeout(1 + random(20)) }
      })
      const text = await body.text()
      code = statusCode === 200 ? 'ok' : codeOf(text) ?? String(statusCode)
    } catch (error) {
      if ((error as Error).name === 'TimeoutError') return
      code = 'no reply'
    }
    samples.push({ at: began, gateway, key, code, added: performance.now() - began - (provider.calls.get(id)?.took ?? 0) })
  }

  const began = performance.now()
  let due = 0
  const timer = setInterval(() => {
    for (const now = (performance.now() - began) / 1000 * perSecond; due < now; due++) {
      if (load.paused) continue
      const key = load.keys[random(load.keys.length)] ?? ''
      const at = urls().flatMap((url, index) => url === undefined ? [] : [{ url, index }])
      const one = at[random(at.length)]
      if (one === undefined) continue
      const running = call(one.index, one.url, key).finally(() => going.delete(running))
      going.add(running)
    }
  }, 5)
  const load: Load = {
    samples,
    keys: [],
    paused: false,
    underWay: () => going.size,
    async stop () {
      clearInterval(timer)
      await Promise.all(going)
      await agent.close()
    }
  }
  return load
}

function codeOf (text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: string | null, type?: string } }
    return error?.code ?? error?.type
  } catch {
    return undefined
  }
}
