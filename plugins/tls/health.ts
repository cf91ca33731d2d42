/**
 * `llm-gateway health`: what a container's health check runs. It loads nothing else, since it starts every few seconds,
 * and asks in the way the settings say the gateway listens. The certificate is not verified: it is made out to the
 * gateway's name, and this goes to the machine's own address.
 */
import http from 'node:http'
import https from 'node:https'

const { GATEWAY_HOST: host = '', GATEWAY_PORT: port, TLS_CERT_FILE, TLS_CLIENT_CA_FILE } = process.env
const own: Record<string, string> = { '': '127.0.0.1', '0.0.0.0': '127.0.0.1', '::': '::1' }
const options = { host: own[host] ?? host, port: port || 8080, path: '/health', timeout: 2500, agent: false }

const url = `${TLS_CERT_FILE ? 'https' : 'http'}://${options.host.includes(':') ? `[${options.host}]` : options.host}:${options.port}${options.path}`

const request = TLS_CERT_FILE ? https.get({ ...options, rejectUnauthorized: false }) : http.get(options)
request.on('response', ({ statusCode }) => statusCode === 200 ? process.exit(0) : end(`it answers ${statusCode}`))
request.on('timeout', () => end('no answer within 2.5 s'))
request.on('error', ({ message, code }: NodeJS.ErrnoException) => {
  // It asked for a certificate that this has not got: so it lives.
  if (TLS_CLIENT_CA_FILE && /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/.test(code ?? '')) process.exit(0)
  // Of several addresses, as a name may have, Node says no more than the code.
  end(message || String(code))
})

function end (reason: string): never {
  console.error(`llm-gateway: not healthy: ${reason} (asked ${url}, as GATEWAY_HOST, GATEWAY_PORT and TLS_CERT_FILE say)`)
  process.exit(1)
}
