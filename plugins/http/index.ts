import type { IncomingMessage, ServerResponse } from 'node:http'
import fp from 'fastify-plugin'
import { GatewayError } from '../errors.ts'
import { watchUpload } from './upload.ts'

/** The manners every request meets before any route: its id, its Host, its Expect, its encoding. */
export default fp(async (fastify) => {
  fastify.addHook('onRequest', (request, reply, done) => {
    const { headers } = request
    reply.header('x-request-id', request.id)
    if (headers.host?.includes(',') === true) return done(new GatewayError('malformed_http', { message: 'Send one Host header.' }))
    if (headers.expect !== undefined && !isContinue(headers.expect)) return done(new GatewayError('expectation_failed'))
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') return done(new GatewayError('unsupported_media_type'))
    done()
  })

  // A client that asked first is told to go on only once its key is known to be good.
  fastify.addHook('preParsing', (request, reply, payload, done) => {
    if (request.headers.expect !== undefined) reply.raw.writeContinue()
    if (!request.raw.complete) watchUpload(request.raw)
    done(null, payload)
  })
  const unanswered = (request: IncomingMessage, response: ServerResponse): void => {
    fastify.server.emit('request', request, response)
  }
  fastify.server.on('checkContinue', unanswered)
  fastify.server.on('checkExpectation', unanswered)

  // Bodies stay bytes: what goes on to a provider is what the client sent.
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
}, { name: 'http', fastify: '5.x', dependencies: ['errors'] })

function isContinue (expect: string): boolean {
  return expect.toLowerCase() === '100-continue'
}
