/** What the lock file holds, for the check of it and for the SBOM: both mean the same packages. */
import { readFileSync } from 'node:fs'

export interface Locked {
  version: string
  license?: string
  integrity?: string
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  dev?: boolean
  optional?: boolean
  devOptional?: boolean
  hasInstallScript?: boolean
}

/** By folder, such as `node_modules/a/node_modules/b`; what is installed for '' is the gateway's own. */
export const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as { packages: Record<string, Locked> }

export const installed = Object.keys(packages).filter((path) => path !== '')
export const production = installed.filter((path) => !packages[path]?.dev && !packages[path]?.optional && !packages[path]?.devOptional)
/** One Node for each platform, of which npm installs the one that fits. */
export const optional = installed.filter((path) => packages[path]?.optional && !packages[path].dev)

export function nameOf (path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
}

/** The folder that Node finds a package in, from another's: its own, or the nearest further up. */
export function folderOf (name: string, from: string): string | undefined {
  const path = `${from === '' ? '' : `${from}/`}node_modules/${name}`
  if (path in packages) return path
  return from === '' ? undefined : folderOf(name, from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))))
}
