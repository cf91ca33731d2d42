import { hash } from 'node:crypto'
import type { ValidateFunction } from 'ajv'
import { parseOrNothing } from '../../providers/dialects/json.ts'
import { FileFault } from '../file/fault.ts'
import { parseJson } from '../file/json.ts'
import { validator } from '../validator.ts'
import type { Catalogue } from './catalogue.ts'
import { describe } from './describe.ts'
import { Listing } from './listing.ts'
import { fromLiteLlm, isLiteLlm } from './litellm.ts'
import { isDate, parseMoment } from '../moment.ts'
import { OverridesSchema, type Model, type OverridesFile } from './schema.ts'

/** What a PRICES_FILE says. */
export interface Overrides {
  listing: Listing
  /** The catalogue's provider whose prices another one has. */
  sameAs: ReadonlyMap<string, string>
  hash: string
  /** How many models it prices. */
  size: number
}

const ajv = validator({ allErrors: true })
ajv.addFormat('moment', (text) => parseMoment(text) !== undefined)
ajv.addFormat('date', isDate)
let compiled: ValidateFunction<OverridesFile> | undefined

/**
 * Reads a PRICES_FILE, in the gateway's format or LiteLLM's.
 *
 * @throws {FileFault} with the entry and why
 */
export function readOverrides (bytes: Buffer, catalogue: Catalogue): Overrides {
  // Not the operator's own work: its duplicates are none of their faults.
  const foreign = parseOrNothing(bytes.toString())
  const { models, sameAs } = isLiteLlm(foreign) ? { models: fromLiteLlm(foreign), sameAs: new Map<string, string>() } : read(parseJson(bytes).value, catalogue)
  const size = [...models.values()].reduce((sum, list) => sum + list.length, 0)
  return { listing: new Listing(models), sameAs, hash: hash('sha256', bytes), size }
}

function read (value: unknown, catalogue: Catalogue): { models: Map<string, Model[]>, sameAs: Map<string, string> } {
  // Most gateways have no such file.
  const validate = compiled ??= ajv.compile<OverridesFile>(OverridesSchema)
  if (!validate(value)) throw describe(value, validate.errors ?? [])
  const models = new Map<string, Model[]>()
  const sameAs = new Map<string, string>()
  for (const [provider, entry] of Object.entries(value.providers)) {
    models.set(provider, entry.models ?? [])
    for (const model of entry.models ?? []) {
      const { id, prices, unpriced } = model
      const fault = (reason: string) => new FileFault(`provider "${provider}", model "${id}": ${reason}`)
      if ((prices === undefined) === (unpriced === undefined)) throw fault('it must have either "prices" or "unpriced"')
      const [{ from, hours, days, except } = {}] = prices ?? []
      if ([from, hours, days, except].some((condition) => condition !== undefined)) {
        throw fault('its first price must hold at any time: leave "from", "hours", "days" and "except" to those after it')
      }
    }
    if (entry.same_as === undefined) continue
    const known = catalogue.nameOf(entry.same_as)
    if (known === undefined) throw new FileFault(`provider "${provider}": "same_as" names "${entry.same_as}", which the catalogue does not have; it has ${catalogue.listing.providers.join(', ')}`)
    sameAs.set(provider, known)
  }
  return { models, sameAs }
}
