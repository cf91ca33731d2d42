import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Call, Dialect, Operation } from '../../providers/dialects/dialect.ts'
import { admit } from '../../providers/dialects/judge.ts'
import { GatewayError } from '../../plugins/errors.ts'
import { isForm } from '../../plugins/http/form.ts'
import type { VirtualKey } from '../../plugins/keys/index.ts'
import { jsonBody, readBody, type Body } from '../relay/body.ts'
import type { Launch } from '../relay/launch.ts'
import { outgoing } from '../relay/plan.ts'
import { refuseForeign, refuseForeignFiles } from '../relay/refers.ts'
import { OwnList } from './list.ts'

type Params = Record<string, string>
type Query = Record<string, unknown>

/**
 * What a provider keeps for its clients belongs to the virtual key that made it: to every other key it is not there.
 * Who makes what is noted as the reply passes; these routes only judge, and go out as every request does.
 */
export default function storedRoutes (fastify: FastifyInstance, launch: Launch): void {
  const { providers, quota, stored, config } = fastify

  for (const dialect of providers.dialects.values()) {
    for (const operation of dialect.operations ?? []) {
      for (const base of dialect.paths) {
        const { method, path, summary, body } = operation
        fastify.route<{ Params: Params, Querystring: Query }>({
          method,
          url: base + path,
          exposeHeadRoute: false,
          config: { dialect: dialect.id, forms: body === 'form' },
          bodyLimit: config.maxBodySize,
          schema: {
            summary,
            tags: [dialect.id],
            hide: base !== dialect.paths[0],
            ...body !== undefined && { consumes: [body === 'form' ? 'multipart/form-data' : 'application/json'], body: dialect.request }
          },
          validatorCompiler: () => () => true,
          handler: (request, reply) => handle(dialect, operation, request, reply)
        })
      }
    }
  }

  function handle (dialect: Dialect, operation: Operation, request: FastifyRequest<{ Params: Params, Querystring: Query }>, reply: FastifyReply): void {
    const { key, params, query } = request
    const target = providers.target(key, dialect)
    stored.check()
    const path = operation.path.replaceAll(/:(\w+)/g, (_, name: string) => segment(params[name] ?? ''))
    const id = params['id']
    if (id !== undefined && !stored.owns(key, id)) throw notFound(id)

    const body = bodyOf(dialect, operation, request)
    const call = body === undefined ? { ...PLAIN, stream: query['stream'] === 'true' } : admit(dialect, body)
    refuseHidden(key, call)
    refuseForeign(stored, key, call, true)
    if (body !== undefined) refuseForeignFiles(stored, key, body)

    target.url.pathname += path
    for (const name of operation.query ?? []) {
      for (const value of [query[name] ?? []].flat()) target.url.searchParams.append(name, String(value))
    }
    const sent = outgoing(dialect, target, call, operation.method, body, request.headers)
    launch(request, reply, {
      dialect,
      call,
      ways: [{ target, outgoing: { request: sent, lossy: [], ...body !== undefined && { sent: body } } }],
      amount: call.runs === undefined ? 1 : costOf(key, call.runs),
      ...body !== undefined && { body },
      kept: {
        content: operation.content === true,
        ...operation.removes === true && id !== undefined && { removes: id },
        ...operation.list !== undefined && { list: ownList(key, dialect, operation.list, query, sent) }
      }
    })
  }

  function refuseHidden (key: VirtualKey, { hidesModels = false }: Call): void {
    // A key that may use any model may use one without a name.
    if (!hidesModels || providers.allows(key, '')) return
    throw new GatewayError('model_not_allowed', {
      message: `The models of a batch are named inside its file, and this key may only use: ${key.models?.join(', ')}. Send the requests one by one.`
    })
  }

  /** A batch costs as many requests as its file holds: one request must not buy thousands. */
  function costOf (key: VirtualKey, file: string): number {
    const requests = stored.owner(key.provider, file)?.requests
    if (requests !== undefined) return Math.max(1, requests)
    if (quota.limit(key) === Infinity) return 1
    throw new GatewayError('invalid_request', {
      message: 'How many requests the file holds is not known, and this key has a limit on them. Upload the file through the gateway, with purpose "batch".',
      param: 'input_file_id'
    })
  }

  function ownList (key: VirtualKey, { stream }: Dialect, { page, limit: usual }: NonNullable<Operation['list']>, query: Query, request: OwnList['request']): OwnList {
    const limit = query['limit'] === undefined ? usual : Number(query['limit'])
    if (!Number.isInteger(limit) || limit < 1 || limit > page) {
      throw new GatewayError('invalid_request', { message: `limit must be a whole number from 1 to ${page}.`, param: 'limit' })
    }
    for (const name of ['after', 'before']) {
      const id = query[name]
      if (id !== undefined && !stored.owns(key, String(id))) throw notFound(String(id), name)
    }
    request.url.searchParams.set('limit', String(page))
    return new OwnList(request, limit, (entry) => {
      if (!stored.owns(key, String(entry['id']))) return false
      stored.own(key, stream.readWhole(entry).stored ?? [])
      return true
    })
  }
}

const PLAIN: Call = { model: '', stream: false, choices: 1, wantsUsage: true }

function bodyOf (dialect: Dialect, { body, path }: Operation, request: FastifyRequest): Body | undefined {
  if (body === undefined) return undefined
  if (body === 'form' && !isForm(request.headers['content-type'] ?? '')) {
    throw new GatewayError('unsupported_media_type', { message: 'Send the file in a form, as "Content-Type: multipart/form-data".' })
  }
  // What has no field that must be there may be made from nothing.
  const empty = !(request.body instanceof Buffer) || request.body.length === 0
  return empty && path === '' && body === 'json' ? jsonBody(Buffer.from('{}')) : readBody(request, dialect)
}

/** One segment of a path, and nothing that could lead elsewhere. */
function segment (id: string): string {
  if (!/^[\w-]+$/.test(id)) throw notFound(id)
  return id
}

function notFound (id: string, param?: string): GatewayError {
  return new GatewayError('not_found', { message: `Nothing with id '${id.slice(0, 128)}' was found.`, ...param !== undefined && { param } })
}
