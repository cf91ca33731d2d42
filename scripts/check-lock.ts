/** Ends with an error where the lock file holds what production must not: install scripts, or too many packages. */
import { readFileSync } from 'node:fs'

const MOST_PRODUCTION_PACKAGES = 95

interface Locked { dev?: boolean, optional?: boolean, devOptional?: boolean, hasInstallScript?: boolean }
const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as { packages: Record<string, Locked> }

const packages = Object.entries(lock.packages).filter(([path]) => path !== '')
const scripted = packages.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)
const production = packages.filter(([, { dev, optional, devOptional }]) => !dev && !optional && !devOptional)

console.log(`${production.length} production packages, ${scripted.length} with install scripts`)
if (scripted.length > 0) throw new Error(`install scripts: ${scripted.join(', ')}`)
if (production.length > MOST_PRODUCTION_PACKAGES) throw new Error(`more than ${MOST_PRODUCTION_PACKAGES} production packages`)
