/** What is deployed, and what builds it: parsed, and held against the settings and the lock file. */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { Settings } from '../plugins/config/schema.ts'
import { production } from '../scripts/lock.ts'

const root = new URL('../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')
const documents = (folder: string): Tree[] => readdirSync(new URL(folder, root)).filter((name) => /\.ya?ml$/.test(name))
  .flatMap((name) => parseAllDocuments(read(`${folder}/${name}`)).map((document) => {
    const [fault] = [...document.errors, ...document.warnings]
    if (fault !== undefined) throw fault
    return new Tree(document.toJS())
  }))

/** A parsed document, by paths such as `spec.template.0.name`. */
class Tree {
  readonly value: unknown
  constructor (value: unknown) { this.value = value }
  at (path: string): Tree {
    return new Tree(path.split('.').reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], this.value))
  }

  get all (): Tree[] { return Object.values(this.value ?? {}).map((value) => new Tree(value)) }
  get keys (): string[] { return Object.keys(this.value ?? {}) }
}

t.test('the Kubernetes example: every name it refers to is there, and it ends within its time', async (t) => {
  const resources = documents('examples/kubernetes')
  for (const resource of resources) for (const path of ['apiVersion', 'kind', 'metadata.name']) t.type(resource.at(path).value, 'string', path)
  const named = (kind: string): unknown[] => resources.filter((resource) => resource.at('kind').value === kind).map((resource) => resource.at('metadata.name').value)
  const [set] = resources.filter((resource) => resource.at('kind').value === 'StatefulSet') as [Tree]
  const pod = set.at('spec.template')
  const container = pod.at('spec.containers.0')
  const labels = pod.at('metadata.labels').value
  t.same(set.at('spec.selector.matchLabels').value, labels)
  t.ok(named('Service').includes(set.at('spec.serviceName').value))
  for (const resource of resources) {
    if (resource.at('kind').value === 'Service') t.same(resource.at('spec.selector').value, labels)
    if (resource.at('kind').value === 'PodDisruptionBudget') t.same(resource.at('spec.selector.matchLabels').value, labels)
  }
  const volumes = [...pod.at('spec.volumes').all.map((volume) => volume.at('name').value), ...set.at('spec.volumeClaimTemplates').all.map((claim) => claim.at('metadata.name').value)]
  for (const mount of container.at('volumeMounts').all) t.ok(volumes.includes(mount.at('name').value))
  for (const volume of pod.at('spec.volumes').all) t.ok(named('Secret').includes(volume.at('secret.secretName').value))
  for (const source of container.at('envFrom').all) t.ok(named('Secret').includes(source.at('secretRef.name').value))

  const [, stores] = resources.filter((resource) => resource.at('kind').value === 'Secret') as [Tree, Tree]
  for (const name of [...container.at('env').all.map((variable) => String(variable.at('name').value)), ...stores.at('stringData').keys]) t.ok(name in Settings.properties, name)
  const variable = (name: string): unknown => container.at('env').all.find((entry) => entry.at('name').value === name)?.at('value').value
  t.equal(variable('REPLICAS'), String(set.at('spec.replicas').value))
  const grace = Number(pod.at('spec.terminationGracePeriodSeconds').value)
  const preStop = Number(container.at('lifecycle.preStop.exec.command.1').value)
  t.ok(grace >= preStop + parseInt(String(variable('SHUTDOWN_TIMEOUT'))) + 8, 'as long as the process itself waits')
  t.same([container.at('livenessProbe.httpGet.path').value, container.at('readinessProbe.httpGet.path').value], ['/health', '/ready'])
  t.match(container.at('securityContext').value, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } })
  t.match(pod.at('spec.securityContext').value, { runAsNonRoot: true })
})

t.test('workflows: no more rights than needed, every action pinned, no credential kept', async (t) => {
  for (const workflow of documents('.github/workflows')) {
    t.same(workflow.at('permissions').value, { contents: 'read' })
    for (const job of workflow.at('jobs').all) {
      t.type(job.at('timeout-minutes').value, 'number')
      for (const step of job.at('steps').all) {
        const uses = step.at('uses').value
        if (typeof uses !== 'string') continue
        t.match(uses, /^(actions|docker)\/[a-z-]+@(v\d+|[0-9a-f]{40})$/)
        if (uses.startsWith('actions/checkout@')) t.equal(step.at('with.persist-credentials').value, false)
      }
    }
  }
  const [dependabot] = documents('.github') as [Tree]
  for (const update of dependabot.at('updates').all) t.ok(Number(update.at('cooldown.default-days').value) >= 7)
})

t.test('what is built: from a lock file with a digest for everything, no install script, a pinned base, and no root (X22)', async (t) => {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { integrity?: string, link?: boolean, hasInstallScript?: boolean, dev?: boolean }> }
  for (const [path, { integrity, link, hasInstallScript }] of Object.entries(packages)) {
    if (path === '' || link) continue
    t.match(integrity, /^sha512-/, path)
    t.notOk(hasInstallScript, path)
  }
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) t.equal(scripts[name], undefined)
  const image = read('Dockerfile')
  const bases = [...image.matchAll(/^FROM (\S+)/gm)].map(([, base = '']) => base).filter((base) => base !== 'build')
  for (const base of bases) t.match(base, /^node:\d+\.\d+\.\d+-\w+-slim$/)
  t.equal(new Set(bases).size, 1)
  t.same([...image.matchAll(/npm (?:ci|install|i)\b.*/g)].map(String), ['npm ci --ignore-scripts'])
  const last = image.slice(image.lastIndexOf('FROM'))
  t.notMatch(last, /\bnpm\b|node_modules/)
  t.match(last, /^USER [1-9]\d*:[1-9]\d*$/m)
  t.ok(last.indexOf('\nUSER') < last.indexOf('\nCMD'), 'before it starts')
  t.match(read('.github/workflows/release.yml'), /--provenance[^]*provenance: mode=max/)
})

t.test('the systemd unit: settings that there are, and time to end', async (t) => {
  const unit = read('examples/systemd/llm-gateway.service')
  const variables = [...unit.matchAll(/^Environment=(.+)$/gm)].flatMap(([, list = '']) => list.split(' ').map((variable) => variable.split('=')[0] ?? ''))
  t.strictSame(variables.filter((name) => !(name in Settings.properties)), ['NODE_ENV'])
  const grace = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])
  const streams = Number(/^\| `SHUTDOWN_TIMEOUT` \| `(\d+)s`/m.exec(read('docs/settings.md'))?.[1])
  t.ok(grace >= streams + 8, 'as long as the process itself waits')
})

t.test('SECURITY.md counts the packages that production installs', async (t) => {
  t.equal(Number(/(\d+) packages are installed for production/.exec(read('SECURITY.md'))?.[1]), production.length)
})
