import { X509Certificate } from 'node:crypto'
import { Server } from 'node:tls'
import fp from 'fastify-plugin'
import { isExposed } from '../file/source.ts'
import { certificatesOf, tlsFiles } from './pair.ts'
import { keepPair } from './reload.ts'

export interface TlsPluginOptions {
  /** Milliseconds between two looks at the files. */
  pollInterval?: number
}

/**
 * TLS, where it is set: `serverOptions` has built the server with it already. Its files are read again when they change:
 * connections that are open go on with the old ones, and files that are not right in every point change nothing.
 */
export default fp<TlsPluginOptions>(async (fastify, { pollInterval = 1000 }) => {
  const files = tlsFiles(fastify.config)
  if (files === undefined) return
  const server: unknown = fastify.server
  if (!(server instanceof Server)) throw new Error('TLS_CERT_FILE is set, and the server speaks plain HTTP: build it with serverOptions(), and with the same environment')
  if (await isExposed(files.key.path)) fastify.log.warn({ file: files.key.path }, `others than its owner can read TLS_KEY_FILE: chmod 600 ${files.key.path}`)
  fastify.addHook('onClose', await keepPair({
    files,
    interval: pollInterval,
    log: fastify.log,
    load (pair, cert) {
      server.setSecureContext(pair)
      const own = certificatesOf(cert)[0] as X509Certificate
      const facts = { file: files.cert.path, subject: own.subject, validTo: own.validToDate.toISOString() }
      if (own.validToDate.getTime() < Date.now()) fastify.log.warn(facts, 'the certificate in TLS_CERT_FILE has expired')
      else fastify.log.info(facts, 'the certificate is in force')
    }
  }))
}, { name: 'tls', fastify: '5.x', dependencies: ['config'] })
