import type { Call } from '../../providers/dialects/dialect.ts'
import { GatewayError } from '../../plugins/errors.ts'
import type { KeyTarget, VirtualKey } from '../../plugins/keys/index.ts'
import type { Stored } from '../../plugins/stored.ts'
import type { Body } from './body.ts'
import { fileIds, isMade } from './file-ids.ts'

/** More than any real request names. */
const MAX_FILES = 1024

/**
 * What a request leans on must be its key's own: an id of another's is answered exactly as one that nobody has.
 * @param keeps whether the key's provider keeps anything at all
 * @throws {GatewayError}
 */
export function refuseForeign (stored: Stored, key: VirtualKey, { refers = [], mentions = [] }: Call, keeps: boolean): void {
  for (const { param, id } of refers) {
    if (!keeps) {
      throw new GatewayError('unsupported_parameter', {
        message: `The provider of this key (${key.provider}) keeps no conversations: leave out "${param}", and send the whole history with the request.`,
        param
      })
    }
    stored.check()
    if (!stored.owns(key, id)) throw notFound(param, id)
  }
  for (const { param, id } of mentions) {
    stored.check()
    if (isForeign(stored, key, id)) throw notFound(param, id)
  }
}

/** Whether another key is known to have made it. */
function isForeign (stored: Stored, key: VirtualKey, id: string): boolean {
  const owner = stored.owner(key.provider, id)
  return owner !== undefined && owner.key !== key.id
}

/**
 * The same for files that are named anywhere in a body, except that a file no key is known to have made is the
 * operator's, and for all. Where it cannot be known whose a file is, none may be named by an id that a provider made.
 * @throws {GatewayError}
 */
export function refuseForeignFiles (stored: Stored, key: VirtualKey, body: Body): void {
  // A search through a long prompt is not free.
  if (!stored.any) return
  const seen = new Set<string>()
  for (const id of fileIds(body)) {
    if (seen.has(id)) continue
    seen.add(id)
    if (seen.size > MAX_FILES) throw new GatewayError('invalid_request', { message: `The request names more than ${MAX_FILES} files.` })
    if (isMade(id)) stored.check()
    if (isForeign(stored, key, id)) throw notFound('file_id', id)
  }
}

/**
 * Which of a key's targets keeps what a request leans on: it can go nowhere else. `undefined` where it leans on nothing.
 * Of what nobody is known to have made it is the first.
 */
export function homeOf (stored: Stored, key: VirtualKey, { refers = [], mentions = [] }: Call, body: Body): KeyTarget | undefined {
  if (key.targets === undefined) return undefined
  const [first] = key.targets
  const ids = [...refers, ...mentions].map(({ id }) => id)
  if (ids.length === 0) return homeOfFiles(stored, key.targets, body)
  return key.targets.find(({ provider }) => ids.every((id) => stored.owner(provider, id)?.key === key.id)) ?? first
}

/** The same of files. Words may look like their ids: one that no provider seems to have made is a file only where some key made it. */
function homeOfFiles (stored: Stored, targets: readonly [KeyTarget, ...KeyTarget[]], body: Body): KeyTarget | undefined {
  const [first] = targets
  const words = new Set<string>()
  for (const id of fileIds(body)) {
    if (isMade(id) || words.size === MAX_FILES) return first
    words.add(id)
  }
  if (!stored.any) return undefined
  return [...words].some((id) => targets.some(({ provider }) => stored.owner(provider, id) !== undefined)) ? first : undefined
}

function notFound (param: string, id: string): GatewayError {
  const name = id.slice(0, 128)
  return param === 'previous_response_id'
    ? new GatewayError('previous_response_not_found', { message: `Previous response with id '${name}' not found.`, param })
    : new GatewayError('not_found', { message: `Nothing with id '${name}' was found.`, param })
}
