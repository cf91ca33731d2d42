import type { IncomingMessage, ServerResponse } from 'node:http'
import { Server, type Socket } from 'node:net'
import fp from 'fastify-plugin'
import { GatewayError } from '../errors.ts'
import { withoutPorts } from '../networks.ts'
import { requestIdHeaders } from '../route-dialect.ts'
import { isForm } from './form.ts'
import { answerBegins, answerEnds, refuse, refused, spoilt } from './malformed.ts'
import { receive } from './receive.ts'
import { watchSilent } from './silent.ts'
import { dropRest, ending } from './unread.ts'
import { uploads, type Upload } from './upload.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route answers to the end: it tells how the gateway is. */
    probe?: boolean
    /** Whether the route takes forms as well as JSON. */
    forms?: boolean
  }
  interface FastifyRequest {
    /** How its body is awaited, where that was not there with its head. */
    upload: Upload | null
  }
}

/** The manners every request meets before any route: its id, its Host, its Expect, its encoding. */
export default fp(async (fastify) => {
  let stopping = false
  fastify.decorateRequest('upload', null)
  fastify.addHook('onRequest', (request, reply, done) => {
    const { headers, raw } = request
    // Nothing that comes behind the last answer is for us.
    if (ending.has(raw.socket)) {
      raw.socket.destroy()
      return
    }
    answerBegins(raw.socket, reply.raw)
    reply.headers(requestIdHeaders(request))
    // Broken off already: it has no address any more, which limits go by. (Once asked for, a socket remembers it.)
    if (raw.socket.remoteAddress === undefined) return done(new GatewayError('client_closed_request'))
    const forwarded = headers['x-forwarded-for']
    if (typeof forwarded === 'string') headers['x-forwarded-for'] = withoutPorts(forwarded)
    if (stopping && request.routeOptions.config.probe !== true) {
      return done(new GatewayError('shutting_down', { headers: { connection: 'close', 'retry-after': '1' } }))
    }
    const fault = faultOf(raw)
    if (fault !== undefined) {
      refused.add(raw.socket)
      return done(new GatewayError('malformed_http', { message: fault, headers: { connection: 'close' } }))
    }
    if (headers.upgrade !== undefined) {
      refused.add(raw.socket)
      const code = /\bwebsocket\b/i.test(headers.upgrade) ? 'websocket_unsupported' : 'upgrade_unsupported'
      return done(new GatewayError(code, { headers: { connection: 'close' } }))
    }
    if (headers.expect !== undefined && !isContinue(headers.expect)) return done(new GatewayError('expectation_failed'))
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return done(new GatewayError('unsupported_media_type'))
    done()
  })

  fastify.addHook('onSend', (request, reply, payload, done) => {
    if (stopping) reply.raw.shouldKeepAlive = false
    if (!request.raw.complete) dropRest(request, reply)
    done(null, payload)
  })

  fastify.addHook('onResponse', ({ raw }, reply, done) => {
    if (raw.complete) answerEnds(raw.socket, reply.raw)
    done()
  })

  // A client that asked first is told to go on only once its key is known to be good.
  fastify.addHook('preParsing', (request, reply, payload, done) => {
    const fault = spoilt.get(request.raw)
    if (fault !== undefined) return done(fault)
    const type = request.headers['content-type']
    const form = request.routeOptions.config.forms === true && type !== undefined && isForm(type)
    if (type !== undefined && !form && !JSON_TYPE.test(type)) return done(new GatewayError('unsupported_media_type'))
    if (Number(request.headers['content-length']) > (request.routeOptions.bodyLimit ?? Infinity)) {
      return done(new GatewayError('request_too_large', { headers: { connection: 'close' } }))
    }
    if (request.headers.expect !== undefined) reply.raw.writeContinue()
    if (!request.raw.complete) request.upload = uploads.begin(request.raw)
    done(null, payload)
  })
  fastify.addHook('preValidation', (request, _reply, done) => {
    if (request.upload !== null) uploads.end(request.upload)
    done()
  })
  const unanswered = (request: IncomingMessage, response: ServerResponse): void => {
    fastify.server.emit('request', request, response)
  }
  fastify.server.on('checkContinue', unanswered)
  fastify.server.on('checkExpectation', unanswered)

  // Node would break the connection off without a word.
  fastify.server.on('connect', (_request: IncomingMessage, socket: Socket) => refuse(fastify, socket, 'malformed_http'))

  const endSilent = watchSilent(fastify.server)
  fastify.addHook('preClose', async () => {
    stopping = true
    // At once, so that a balancer that tries is refused, and asks another. Not the server's own `close`, which would break
    // off idle connections too, maybe under a request that is on its way: those are told to close with their next reply.
    if (fastify.server.listening) Server.prototype.close.call(fastify.server)
    // A connection whose last reply ends while the gateway stops is not kept for another request.
    fastify.server.keepAliveTimeout = 1
    endSilent()
  })

  // Bodies stay bytes: what goes on to a provider is what the client sent.
  fastify.removeAllContentTypeParsers()
  for (const type of ['application/json', 'multipart/form-data']) {
    fastify.addContentTypeParser(type, (request, _payload, done) => receive(request.raw, request.routeOptions.bodyLimit ?? Infinity, done))
  }
}, { name: 'http', fastify: '5.x', dependencies: ['errors'] })

/** Parameters may follow, and nothing else: what comes behind could hide another type from another reader. */
const JSON_TYPE = /^application\/json(?:[ \t]*;[ \t]*[\w-]+=(?:[\w.-]+|"[\w .-]*"))*$/i

/** What leaves open which request is meant, or to whom, although the parser took it. */
function faultOf ({ url = '', headers, httpVersion, httpVersionMinor }: IncomingMessage): string | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'Send HTTP/1.1.'
  if (headers.host === undefined ? httpVersionMinor > 0 : headers.host.includes(',')) return 'Send one Host header.'
  // The absolute form is for proxies (RFC 9112 § 3.2.2), and this is none.
  if (!url.startsWith('/') && url !== '*') return 'Send the path alone, without scheme and host.'
  const coding = headers['transfer-encoding']
  // HTTP/1.0 knows no codings, so that what forwards it may read the body by another length.
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || httpVersionMinor === 0)) return 'Send the body plain or chunked.'
  return undefined
}

function isContinue (expect: string): boolean {
  return expect.toLowerCase() === '100-continue'
}
