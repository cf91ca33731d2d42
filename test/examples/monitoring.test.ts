import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { post, startGateway, startProvider } from '../helper.ts'

t.setTimeout(120_000)

const FOLDER = fileURLToPath(new URL('../../examples/monitoring', import.meta.url))

const options = {
  skip: spawnSync('promtool', ['--version']).error === undefined
    ? false
    : 'there is no promtool on this machine; Debian has it in the package prometheus'
}

const promtool = (args: string[], input = ''): { status: number | null, text: string } => {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: FOLDER, input, encoding: 'utf8' })
  return { status, text: stdout + stderr }
}

t.test('Prometheus takes the configuration and the rules, and the rules do what their tests say', options, async (t) => {
  for (const args of [['check', 'config', 'prometheus.yml'], ['check', 'rules', 'alerts.yml'], ['test', 'rules', 'alerts.test.yml']]) {
    const { status, text } = promtool(args)
    t.equal(status, 0, text)
  }
})

t.test('every question of the dashboard is one that Prometheus understands', options, async (t) => {
  const { panels } = JSON.parse(readFileSync(join(FOLDER, 'dashboard.json'), 'utf8')) as { panels: Array<{ title: string, targets?: Array<{ expr: string }> }> }
  const questions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr.replaceAll(/\$__(rate_interval|range)/g, '5m')))
  t.ok(questions.length > 30)
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-rules-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const rules = questions.map((expr, index) => ({ record: `panel:${index}`, expr }))
  // JSON is YAML too.
  writeFileSync(join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  const { status, text } = promtool(['check', 'rules', join(folder, 'rules.yml')])
  t.equal(status, 0, text)
})

t.test('what a running gateway tells is as Prometheus would have it', options, async (t) => {
  const { url } = await startProvider(t, (_request, response) => response.writeHead(404, { 'content-type': 'application/json' }).end('{}'))
  const gateway = await startGateway(t, url, { env: { METRICS_PORT: '0' } })
  await (await post(`${gateway.url}/v1/chat/completions`, { model: 'm', messages: [{ role: 'user', content: 'hi' }] })).text()
  const text = await (await fetch(`${gateway.app.metrics?.url}/metrics`)).text()
  t.match(text, 'llm_gateway_requests_total')
  const { status, text: said } = promtool(['check', 'metrics'], text)
  t.equal(status, 0, said)
})
