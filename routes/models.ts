import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Model, ModelList } from '../providers/dialects/dialect.ts'
import { defaultDialect } from '../providers/dialects/index.ts'
import { GatewayError } from '../plugins/errors.ts'
import type { KeyTarget } from '../plugins/keys/index.ts'
import { routeDialect } from '../plugins/route-dialect.ts'

/**
 * What this key may use: its provider's list, cut to the key's own, in the client's dialect. Costs no quota. Of several
 * targets the first that answers is asked for all of it.
 */
export default async function modelRoutes (fastify: FastifyInstance): Promise<void> {
  const list = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    answer(reply, shapeFor(request).encode(await fromFirst(request, reply, modelsOf)))

  const one = async (request: FastifyRequest<{ Params: { '*': string } }>, reply: FastifyReply): Promise<FastifyReply> => {
    const id = request.params['*']
    const found = fastify.providers.allows(request.key, id) ? await fromFirst(request, reply, (request, endpoint) => find(request, endpoint, id)) : undefined
    if (found === undefined) throw new GatewayError('model_not_found', { param: 'model' })
    return answer(reply, shapeFor(request).encodeOne({ ...found, id }))
  }

  const schema = { tags: ['models'] }
  fastify.get('/v1/models', { schema: { ...schema, summary: 'The models this key may use' } }, list)
  fastify.get('/models', { schema: { hide: true } }, list)
  // An id may hold slashes, as in `maker/model`.
  fastify.get('/v1/models/*', { schema: { ...schema, summary: 'One model' } }, one)
  fastify.get('/models/*', { schema: { hide: true } }, one)

  /**
   * Puts a question to the key's targets in turn, those at rest last. One that has failed says nothing of the next: it is asked
   * whatever the failure was, as nothing is charged for an answer.
   */
  async function fromFirst<T> (request: FastifyRequest, reply: FastifyReply, question: Question<T>): Promise<T> {
    const { key, log } = request
    if (key.targets === undefined) return await question(request, fastify.providers.models(key))
    const left = fastify.upstream.health.order<KeyTarget>(key.targets, ({ healthId }) => healthId)
    for (;;) {
      const { provider, apiKey, name } = left.shift() as KeyTarget
      try {
        const answer = await question(request, fastify.providers.models({ ...key, provider, apiKey }))
        reply.header('x-gateway-target', name)
        return answer
      } catch (error) {
        if (!(error instanceof GatewayError) || left.length === 0 || reply.raw.destroyed) throw error
        const { code, reason } = error
        log.warn({ key: key.label, target: name, error: code, reason }, 'a target did not list its models: the next is asked')
        fastify.upstream.resends.add('fallback', provider, code)
      }
    }
  }

  async function modelsOf (request: FastifyRequest, endpoint: ModelsEndpoint | undefined): Promise<Model[]> {
    const { key } = request
    const known = await listed(request, endpoint)
    const names = new Set(known.map(({ id }) => id))
    const aliases = [...key.modelAliases ?? []]
      .filter(([alias]) => !names.has(alias))
      .map(([id, real]) => ({ ...known.find((model) => model.id === real), id }))
    return [...known, ...aliases].filter(({ id }) => fastify.providers.allows(key, id))
  }

  /** Where a provider lists nothing, the key's own list is all there is to say. */
  async function listed ({ key, headers }: FastifyRequest, endpoint: ModelsEndpoint | undefined): Promise<Model[]> {
    if (endpoint === undefined) return (key.models ?? []).filter((id) => !id.endsWith('*')).map((id) => ({ id }))
    const url = new URL(endpoint.url)
    url.search = endpoint.dialect.models?.query ?? ''
    return await ask({ ...endpoint, url }, headers) ?? []
  }

  /** A provider may know a model by a name that it does not list, such as an undated one. */
  async function find (request: FastifyRequest, endpoint: ModelsEndpoint | undefined, id: string): Promise<Model | undefined> {
    const real = request.key.modelAliases?.get(id) ?? id
    const found = (await listed(request, endpoint)).find((model) => model.id === real)
    if (found !== undefined || endpoint === undefined || !isPlain(real)) return found
    const url = new URL(endpoint.url)
    url.pathname += `/${real.split('/').map(encodeURIComponent).join('/')}`
    return (await ask({ ...endpoint, url }, request.headers))?.[0]
  }

  /** @returns undefined where the provider does not know the path */
  async function ask ({ url, headers, dialect, provider }: ModelsEndpoint, asked: FastifyRequest['headers']): Promise<Model[] | undefined> {
    const { status, body } = await fastify.upstream.fetch({ method: 'GET', url, headers: { ...headers, accept: 'application/json', ...fastify.tracing.carry(asked) } }, fastify.upstream.timeouts(provider.name))
    if (status === 401 || status === 403) throw new GatewayError('upstream_credential_refused')
    if (status === 404) return undefined
    if (status !== 200) throw new GatewayError('upstream_error', { message: `The provider answered its list of models with ${status}.` })
    try {
      return (dialect.models?.decode(asList(JSON.parse(body.toString('utf8')))) ?? []).map((model) => ({ owner: provider.name, ...model }))
    } catch (cause) {
      throw new GatewayError('upstream_bad_reply', { cause })
    }
  }
}

/** One model reads as a list of one. */
function asList (body: object): object {
  return 'data' in body ? body : { data: [body] }
}

/** @param endpoint where the target lists its models, if anywhere */
type Question<T> = (request: FastifyRequest, endpoint: ModelsEndpoint | undefined) => Promise<T>

type ModelsEndpoint = NonNullable<ReturnType<FastifyInstance['providers']['models']>>

/**
 * Printable, and without a segment that a URL parser would climb or collapse, or what another server could read as one:
 * nothing a client sends picks another path.
 */
function isPlain (id: string): boolean {
  return /^[\x21-\x7e]+$/.test(id) && !/[\\%]/.test(id) && id.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')
}

/** In the client's own dialect, as far as its headers tell. */
function shapeFor (request: FastifyRequest): ModelList {
  const shape = routeDialect(request).models ?? defaultDialect.models
  if (shape === undefined) throw new Error('the default dialect lists no models')
  return shape
}

function answer (reply: FastifyReply, body: unknown): FastifyReply {
  return reply.header('cache-control', 'private, no-store').type('application/json; charset=utf-8').serializer(JSON.stringify).send(body)
}
