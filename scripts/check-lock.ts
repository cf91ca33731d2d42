/** Ends with an error where the lock file holds what production must not: install scripts, or too many packages. */
import { installed, packages, production } from './lock.ts'

const MOST_PRODUCTION_PACKAGES = 95

const scripted = installed.filter((path) => packages[path]?.hasInstallScript)

console.log(`${production.length} production packages, ${scripted.length} with install scripts`)
if (scripted.length > 0) throw new Error(`install scripts: ${scripted.join(', ')}`)
if (production.length > MOST_PRODUCTION_PACKAGES) throw new Error(`more than ${MOST_PRODUCTION_PACKAGES} production packages`)
