import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Dialect } from '../../../providers/dialects/dialect.ts'
import type { Cut } from '../../../plugins/logging/body.ts'
import { Capture, type CaptureOptions } from '../../../plugins/logging/capture.ts'
import { Exchange, type Opening } from '../../../plugins/logging/exchange.ts'
import type { VirtualKey } from '../../../plugins/keys/index.ts'

export const key: VirtualKey & { token: string } = {
  id: '0123456789ab',
  label: 'alice',
  token: 'vk_alice_0123456789',
  provider: 'acme',
  apiKey: 'sk-real/0123456789+abc',
  disabled: false,
  groups: [],
  limits: []
}

export function exchange (opening: Partial<Opening> = {}): Exchange {
  const made = new Exchange({
    id: 'req-1',
    rowId: 'row-1',
    key,
    method: 'POST',
    path: '/v1/chat/completions',
    provider: 'acme',
    model: 'large',
    clientDialect: 'words',
    upstreamDialect: 'words',
    stream: false,
    ...opening
  })
  made.status = 200
  made.outcome = 'done'
  return made
}

/** A stream whose every event holds one piece of a text. */
export const words = {
  id: 'words',
  stream: {
    fold () {
      let text = ''
      return {
        push ({ data }: { data: string }) { text += JSON.parse(data) },
        body: () => ({ text })
      }
    }
  }
} as unknown as Dialect

export interface Said { level: 'info' | 'warn', fields: Record<string, unknown>, message: string }

/** A capture into `dir`, and what it says on the log. */
export function capture (dir: string, options: Partial<CaptureOptions> = {}): { capture: Capture, said: Said[] } {
  const said: Said[] = []
  const say = (level: Said['level']) => (fields: unknown, message?: string): void => {
    said.push({ level, fields: fields as Record<string, unknown>, message: String(message) })
  }
  return {
    said,
    capture: new Capture({
      dir,
      bodies: 'full',
      bodyLimit: 1024 * 1024,
      maxSize: 100 * 1024 * 1024,
      retention: 0,
      log: { info: say('info'), warn: say('warn') } as CaptureOptions['log'],
      dialect: (id) => id === 'words' ? words : undefined,
      ...options
    })
  }
}

/** Captures one exchange. */
export function record (capture: Capture, made: Exchange, request: string | Buffer, ...reply: (string | Buffer)[]): void {
  const recorder = capture.begin(made, Buffer.from(request))
  for (const chunk of reply) recorder?.reply(Buffer.from(chunk))
  made.endedAt ??= performance.now()
  capture.end(made, recorder)
}

/** The names in a folder that may not be there yet. */
export function files (dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir).sort() : []
}

/** The raw lines of all files, in order of their names. */
export function rawLines (dir: string): string[] {
  return files(dir).flatMap((name) => readFileSync(join(dir, name), 'utf8').split('\n').filter((line) => line !== ''))
}

export interface CapturedLine {
  time: string
  id: string
  request?: unknown
  requestCut?: Cut
  reply?: unknown
  replyCut?: Cut
}

export function lines (dir: string): CapturedLine[] {
  return rawLines(dir).map((line) => JSON.parse(line))
}

/** Waits for what happens off the request's path. */
export async function until (happened: () => boolean, ms = 5000): Promise<void> {
  const deadline = performance.now() + ms
  while (!happened()) {
    if (performance.now() > deadline) throw new Error(`nothing of it within ${ms} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export function event (text: string): string {
  return `data: ${JSON.stringify(text)}\n\n`
}
