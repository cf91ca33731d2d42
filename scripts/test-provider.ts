/**
 * Holds a provider plugin to the laws, and the dialects that it exports as `dialects` or by default.
 *
 *     llm-gateway test-provider ./my-provider.js
 *
 * Prints one line a law. Ends with 1 where one is broken, with 2 where what was named cannot be tested.
 */
import { importModule } from '../plugins/config/providers.ts'
import type { Dialect } from '../providers/dialects/dialect.ts'
import { dialects as builtin } from '../providers/dialects/index.ts'
import { isObject } from '../providers/dialects/json.ts'
import { builtinProviders, loadBuiltin } from '../providers/index.ts'
import { dialectLaws, pairLaws, providerLaws } from '../test/laws.ts'
import type { Law } from '../test/laws.ts'

const USAGE = 'llm-gateway test-provider FILE_OR_PACKAGE'

const [entry, ...more] = process.argv.slice(3)
if (entry === undefined || entry.startsWith('-') || more.length > 0) unusable(`usage: ${USAGE}`)
const laws = lawsOf(await load(entry))
if (laws.length === 0) unusable(`${entry} exports neither a provider nor a dialect`)

const broken = laws.filter(({ name, run }) => {
  const fault = faultOf(run)
  console.log(fault === undefined ? `ok - ${name}` : `not ok - ${name}: ${fault}`)
  return fault !== undefined
})
console.log(`# ${laws.length} laws, ${broken.length} broken`)
process.exitCode = broken.length === 0 ? 0 : 1

function unusable (reason: string): never {
  console.error(`llm-gateway: ${reason}`)
  process.exit(2)
}

async function load (entry: string): Promise<object> {
  try {
    return builtinProviders.includes(entry) ? { default: await loadBuiltin(entry) } : await importModule(entry, entry)
  } catch (error) {
    return unusable(error instanceof Error ? error.message : String(error))
  }
}

/** Of what is exported by default, and of every dialect: alone, and with each other one both ways. */
function lawsOf (module: { default?: unknown, dialects?: unknown }): Law[] {
  const provider = module.default === undefined || isDialect(module.default) ? [] : providerLaws(module.default)
  const own = [module.default, ...Array.isArray(module.dialects) ? module.dialects : []].filter(isDialect)
  return [...provider, ...own.flatMap((dialect, i) => {
    const others = [...builtin.values(), ...own.slice(0, i)].filter(({ id }) => id !== dialect.id)
    return [...dialectLaws(dialect), ...others.flatMap((other) => [...pairLaws(dialect, other), ...pairLaws(other, dialect)])]
  })]
}

function isDialect (value: unknown): value is Dialect {
  return isObject(value) && typeof value.id === 'string' && typeof value.peek === 'function' && isObject(value.errors) && isObject(value.stream)
}

/** In one line: an assertion's message shows its values over many. */
function faultOf (run: () => void): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return text.replaceAll(/\s+/g, ' ').trim().slice(0, 400)
  }
}
