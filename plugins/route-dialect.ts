import type { FastifyRequest } from 'fastify'
import type { Dialect } from '../providers/dialects/dialect.ts'
import { defaultDialect, dialects } from '../providers/dialects/index.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The dialect that the route's replies and errors are in. */
    dialect?: string
  }
}

/** The dialect of the route; where that has none, the one of the path, or whose clients send such a header; else the default. */
export function routeDialect ({ routeOptions, headers, url }: FastifyRequest): Dialect {
  const own = dialects.get(routeOptions.config.dialect ?? '')
  return own ?? dialectAt(url) ?? [...dialects.values()].find(({ marker }) => marker !== undefined && headers[marker] !== undefined) ?? defaultDialect
}

/** The dialect to whose paths a URL belongs, or under one of which it lies, be there a route or not. */
export function dialectAt (url: string): Dialect | undefined {
  const [path = ''] = url.split('?', 1)
  return [...dialects.values()].find(({ paths }) => paths.some((own) => path === own || path.startsWith(`${own}/`)))
}

/** The request's id, under every name that clients of the route's dialect look for it. */
export function requestIdHeaders (request: FastifyRequest): Record<string, string> {
  const { requestIdHeader } = routeDialect(request)
  return requestIdHeader === undefined
    ? { 'x-request-id': request.id }
    : { 'x-request-id': request.id, [requestIdHeader]: request.id }
}
