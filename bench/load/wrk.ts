import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { COMPLETION_TOKENS } from '../replies.ts'
import type { Running } from '../targets/target.ts'
import { PATH, request, whole } from './request.ts'

export interface Answered { good: number, faults: string[], seconds: number, p50: number, p99: number }

/** As many whole replies as can be had: each connection asks again as soon as it is answered. */
export async function saturate (running: Running, seconds: number, connections: number, padding = 0): Promise<Answered> {
  const file = join(running.folder, 'request.http')
  writeFileSync(file, request(running, whole, padding))
  const { stdout } = await promisify(execFile)('wrk', [
    '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '-s', join(import.meta.dirname, 'check.lua'), `http://127.0.0.1:${running.port}${PATH}`
  ], {
    env: {
      ...process.env,
      BENCH_REQUEST: file,
      BENCH_EXPECTED: `"completion_tokens":${COMPLETION_TOKENS}`
    }
  })
  const line = /^RESULT (.*)$/m.exec(stdout)?.[1]
  if (line === undefined) throw new Error(`wrk said: ${stdout}`)
  const { good, bad, worst, broken, ...times } = JSON.parse(line) as { good: number, bad: number, worst: string, broken: number, seconds: number, p50: number, p99: number }
  const faults = [...(bad > 0 ? [`${bad} replies: ${worst}`] : []), ...(broken > 0 ? [`${broken} connections broke`] : [])]
  return { good, faults, ...times }
}
