/** Whether the time of a refusal tells how near a guess was: what is unknown, nearly a key, and one that was revoked. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway } from './gateway.ts'
import { randomFrom } from './random.ts'

const [count = 10_000, seed = 1] = process.argv.slice(2).map(Number)
/** µs that medians may lie apart. */
const APART = 50

const below = randomFrom(seed)
const letter = (): string => 'abcdefghijklmnopqrstuvwxyz0123456789'[below(36)] ?? ''
const text = (length: number): string => Array.from({ length }, letter).join('')
const good = `vk_${text(33)}`
const revoked = `vk_${text(33)}`
const last = good.at(-1) ?? ''
const guesses: Record<string, () => string> = {
  unknown: () => `vk_${text(33)}`,
  'near miss': () => good.slice(0, -1) + (last === 'x' ? 'y' : 'x'),
  revoked: () => revoked
}

const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-lookup-'))
const entry = { provider: 'openai', api_key: 'sk-0123456789abcdef' }
// So many addresses that none has used up its guesses.
const gateway = await startGateway(folder, { virtual_keys: { [good]: entry, [revoked]: { ...entry, disabled: true } } }, { TRUST_PROXY: '127.0.0.1' })
const { hostname, port } = new URL(gateway.url)
const socket = connect(Number(port), hostname).setNoDelay(true)
let heard = (_answer: string): void => {}
let got = ''
socket.on('data', (data) => {
  got += data.toString('latin1')
  const head = got.indexOf('\r\n\r\n')
  const length = Number(/content-length: (\d+)/i.exec(got)?.[1])
  if (head === -1 || got.length < head + 4 + length) return
  const answer = got
  got = ''
  heard(answer)
})
const times = new Map(Object.keys(guesses).map((name) => [name, [] as number[]]))
const answers = new Set<string>()
const names = Object.keys(guesses)

for (let turn = 0; turn < count + 500; turn++) {
  // In another order each time, so that what the machine does beside is shared out.
  for (const name of names.map((name) => ({ name, at: below(1_000_000) })).sort((a, b) => a.at - b.at).map(({ name }) => name)) {
    const address = `10.${turn >> 16 & 255}.${turn >> 8 & 255}.${turn & 255}`
    const request = `GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${address}\r\nAuthorization: Bearer ${guesses[name]?.()}\r\n\r\n`
    const begun = process.hrtime.bigint()
    const answer = await new Promise<string>((resolve) => {
      heard = resolve
      socket.write(request)
    })
    const took = Number(process.hrtime.bigint() - begun) / 1000
    answers.add(answer.replace(/^(x-request-id|date): .*$/gim, '$1'))
    if (turn >= 500) times.get(name)?.push(took)
  }
}
socket.destroy()
await gateway.kill('SIGTERM')
rmSync(folder, { recursive: true, force: true })

const medians = [...times].map(([name, all]) => [name, all.sort((a, b) => a - b)[all.length >> 1] ?? NaN] as const)
for (const [name, median] of medians) console.log(`${name.padEnd(10)} median of ${count}: ${median.toFixed(1)} µs`)
const apart = Math.max(...medians.map(([, median]) => median)) - Math.min(...medians.map(([, median]) => median))
const ok = apart <= APART && answers.size === 1 && [...answers].every((answer) => answer.startsWith('HTTP/1.1 401'))
console.log(`medians apart: ${apart.toFixed(1)} µs (at most ${APART}); different answers: ${answers.size - 1}`)
console.log(ok ? 'ok' : 'FAILED')
process.exit(ok ? 0 : 1)
