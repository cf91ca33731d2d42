/**
 * Prints what production consists of, as CycloneDX: every package that the lock file has for it, and which needs which.
 * `npm sbom --omit dev` leaves out whatever a development dependency needs too: undici, of all things.
 */
import { readFileSync } from 'node:fs'
import { folderOf, nameOf, optional, packages, production, type Locked } from './lock.ts'

const { name, version, license } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { name: string, version: string, license: string }

const component = (name: string, { version, license, integrity }: Locked): object => ({
  type: 'library',
  'bom-ref': `${name}@${version}`,
  name,
  version,
  purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
  ...license !== undefined && { licenses: [/ (?:OR|AND|WITH) /.test(license) ? { expression: license } : { license: { id: license } }] },
  ...integrity !== undefined && { hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') }] }
})

const reference = (path: string): string => path === '' ? `${name}@${version}` : `${nameOf(path)}@${packages[path]?.version}`

const needs = (path: string): string[] => Object.keys({ ...packages[path]?.dependencies, ...packages[path]?.optionalDependencies })
  .flatMap((name) => folderOf(name, path) ?? []).map(reference)

// A package of the same version may lie in two folders: it is one component, and needs what it needs in either.
const components = new Map<string, object>()
const dependencies = new Map([[reference(''), new Set(needs(''))]])
for (const [scope, paths] of [['optional', optional], ['required', production]] as const) {
  for (const path of paths) {
    components.set(reference(path), { ...component(nameOf(path), packages[path]!), scope })
    dependencies.set(reference(path), new Set([...dependencies.get(reference(path)) ?? [], ...needs(path)]))
  }
}

console.log(JSON.stringify({
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  version: 1,
  metadata: { component: component(name, { version, license }) },
  components: [...components.values()],
  dependencies: [...dependencies].map(([ref, needs]) => ({ ref, dependsOn: [...needs].sort() }))
}, null, 2))
