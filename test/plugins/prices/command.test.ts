import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const CLI = fileURLToPath(new URL('../../../cli.ts', import.meta.url))

/** The command as a user runs it. */
function prices (args: string[], env: Record<string, string> = {}): Promise<{ code: number, output: string, errors: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, 'prices', ...args], { env: { PATH: process.env['PATH'], ...env } }, (error, output, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code), output, errors })
    })
  })
}

t.test('llm-gateway prices says what applies and where it is from', async (t) => {
  const dir = t.testdir({ 'mine.json': JSON.stringify({ providers: { openai: { models: [{ id: 'gpt-5.4', prices: [{ input: 1, output: 2 }] }] } } }) })
  const file = join(dir, 'mine.json')
  const [tiered, peak, own, elsewhere] = await Promise.all([
    prices(['gpt-5.6-sol']),
    prices(['deepseek-chat', '--at', '2026-11-24T02:00:00Z']),
    prices(['gpt-5.4'], { PRICES_FILE: file }),
    prices(['sonar', '--provider', 'perplexity'])
  ])
  t.equal(tiered.code, 0, tiered.errors)
  t.match(tiered.output, /^gpt-5\.6-sol of openai, at \d{4}-/)
  t.match(tiered.output, /\n {2}from +@pydantic\/genai-prices \d+\.\d+\.\d+ of \d{4}-\d\d-\d\d\n/)
  t.match(tiered.output, /\n {2}\$ per M tokens +short prompts +above 271999 +batch, short prompts +batch, above 271999\n {2}input +4 +8 +2 +4\n {2}cache read +0\.4 +0\.8 +0\.2 +0\.4\n/)
  t.match(peak.output, /deepseek-chat of deepseek, at 2026-11-24T02:00:00\.000Z\n[^]*corrected on [^]*\n {2}input +0\.3\n[^]*\n {2}largest output +393216\n/)
  t.match(own.output, new RegExp(`\n {2}from +${file}\n {2}version +.*\\+[0-9a-f]{8}\n[^]*\n {2}output +2\n`))
  t.match(elsewhere.output, /^sonar of perplexity[^]*\$ per request +0\.\d+/)
})

t.test('and ends with 1 and a hint where it is unknown, with 2 where it is called wrongly', async (t) => {
  for (const [args, ended, said] of [
    [['gpt-5.44'], 1, /^llm-gateway prices: no price is known for "gpt-5\.44"\. Did you mean "gpt-5\.4"\? PRICES_FILE can give it one/],
    [['gpt-5.4', '--provider', 'deepseek'], 1, /no price is known for "gpt-5\.4" of deepseek\./],
    [['gpt-image-1'], 1, /"gpt-image-1" of openai has no price: input image cannot be told from a usage record/],
    [['gpt-5.4', '--at', 'noon'], 2, /--at must be a date/],
    [['gpt-5.4', '--all'], 2, /--all/],
    [[], 2, /usage: llm-gateway prices MODEL/]
  ] as const) {
    const { code, output, errors } = await prices([...args])
    t.equal(code, ended, args.join(' '))
    t.equal(output, '')
    t.match(errors, said)
    t.equal(errors.trim().split('\n').length, 1)
  }
})
