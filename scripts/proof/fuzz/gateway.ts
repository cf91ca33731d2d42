/** The gateway as it is driven: its keys, and what is watched of it from outside. */
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'

export const REAL_KEY = 'sk-real-fuzz-4f1c9a77e2b04d5c8e21'
const OTHER_KEY = 'sk-real-fuzz-other-91be22d7c3aa4f'
const realKeys = [REAL_KEY, OTHER_KEY]

const openai = { provider: 'openai', api_key: REAL_KEY }
const anthropic = { provider: 'anthropic', api_key: REAL_KEY }

/** Every way through: verbatim, translated, limited, with a second target, read on after the client has left. */
export const KEYS = {
  groups: { team: { tokens_per_minute: 1_000_000_000, max_parallel_requests: 100_000 } },
  virtual_keys: {
    vk_fuzz_chat_0123456789ab: { ...openai, name: 'chat' },
    vk_fuzz_mess_0123456789ab: { ...anthropic, name: 'messages' },
    vk_fuzz_deep_0123456789ab: { provider: 'deepseek', api_key: REAL_KEY, name: 'deep', on_disconnect: 'drain' },
    vk_fuzz_budg_0123456789ab: { ...openai, name: 'budget', groups: ['team'], budget: { usd: 900_000, per: 'month' }, requests_per_minute: 1_000_000_000 },
    vk_fuzz_many_0123456789ab: { name: 'many', retry: 'always', targets: [{ ...openai, api_key: OTHER_KEY }, { ...anthropic, weight: 2 }] },
    vk_fuzz_resp_0123456789ab: { ...openai, name: 'responses', upstream_dialects: ['openai-responses'] }
  }
} as const

export const virtualKeys = Object.keys(KEYS.virtual_keys)

export const settings = (url: string, folder: string): Record<string, string> => ({
  OPENAI_BASE_URL: `${url}/v1`,
  ANTHROPIC_BASE_URL: url,
  DEEPSEEK_BASE_URL: `${url}/v1`,
  MAX_REQUESTS_PER_HOUR: 'unlimited',
  DATA_DIR: `${folder}/data`,
  LOG_DIR: `${folder}/logs`,
  LOG_BODIES: 'full',
  LOG_BODY_LIMIT: '4KB',
  LOG_LEVEL: 'trace',
  REQUEST_TIMEOUT: '1500ms',
  DRAIN_TIMEOUT: '1s',
  RETRIES: '1',
  ADMIN_KEY: 'admin-key-of-the-fuzzer-0123456789'
})

/** Whether one of the real keys is in a text, as it is or as it could have been written. */
export function quotesKey (text: string): boolean {
  return realKeys.some((key) => [key, encodeURIComponent(key), Buffer.from(key).toString('base64').replace(/=+$/, '').slice(0, -2)].some((form) => text.includes(form)))
}

/** KB of memory that a process has now. */
export function memoryOf (pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
}

export interface Answer { took: number, busy: number, at: string }
export interface Probe { answers: Answer[], failed: string[], stop (): Promise<number> }

/** Asks `/health` ten times a second, from a thread of its own: this one is busy with nonsense. */
export function probe (url: string, pid: number): Probe {
  const answers: Answer[] = []
  const failed: string[] = []
  const worker = new Worker(new URL('./probe.ts', import.meta.url), { workerData: { url, pid } })
  worker.on('message', (told: Omit<Answer, 'at'> | string) => {
    if (typeof told === 'object') answers.push({ ...told, at: new Date().toISOString() })
    else failed.push(`${told} (${new Date().toISOString()})`)
  })
  return { answers, failed, stop: () => worker.terminate() }
}
