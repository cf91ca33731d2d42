import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { nameOf, optional, packages, production } from '../../scripts/lock.ts'

interface Sbom {
  components: Array<{ 'bom-ref': string, name: string, version: string, purl: string, scope: string, licenses?: object[], hashes?: Array<{ content: string }> }>
  dependencies: Array<{ ref: string, dependsOn: string[] }>
}

t.test('the SBOM has every package of production, and nothing of development', async (t) => {
  const { components, dependencies } = JSON.parse(execFileSync(process.execPath, ['scripts/sbom.ts'], { encoding: 'utf8' })) as Sbom
  const listed = (scope: string): string[] => components.filter((component) => component.scope === scope).map((component) => component['bom-ref']).sort()
  const locked = (paths: string[]): string[] => [...new Set(paths.map((path) => `${nameOf(path)}@${packages[path]?.version}`))].sort()
  t.strictSame(listed('required'), locked(production))
  t.strictSame(listed('optional'), locked(optional))
  for (const { name, version, purl, licenses, hashes } of components) {
    t.equal(decodeURIComponent(purl), `pkg:npm/${name}@${version}`)
    t.equal(licenses?.length, 1, `${name} has a licence`)
    t.match(hashes?.[0]?.content, /^[0-9a-f]{128}$/, name)
  }

  // The same set by another way than the lock file's marks: all that the gateway's own dependencies lead to.
  const needs = new Map(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]))
  const { name, version } = JSON.parse(readFileSync('package.json', 'utf8')) as { name: string, version: string }
  const reached = new Set([`${name}@${version}`])
  for (const ref of reached) for (const need of needs.get(ref) ?? [`${ref} has no entry`]) reached.add(need)
  t.strictSame([...reached].slice(1).sort(), components.map((component) => component['bom-ref']).sort())
})
