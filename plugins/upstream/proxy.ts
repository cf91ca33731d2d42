import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { buildConnector } from './undici.ts'

/**
 * Whether an origin is reached past the proxy, by the usual `NO_PROXY`: names with everything below them, each with a port
 * if only that is meant, or `*` for all.
 */
export function isExempt (origin: URL, list: string): boolean {
  const port = origin.port === '' ? '443' : origin.port
  return list.split(/[\s,]+/).filter((entry) => entry !== '').some((entry) => {
    if (entry === '*') return true
    const [, name = '', only] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? []
    const host = name.replace(/^\*?\./, '')
    return (only === undefined || only === port) && (origin.hostname === host || origin.hostname.endsWith(`.${host}`))
  })
}

/** Connects through a tunnel of the proxy's (CONNECT): TLS is the provider's own, and the proxy sees its name only. */
export function tunnel (proxy: URL, timeout: number): buildConnector.connector {
  const secure = buildConnector({ timeout })
  const ask = proxy.protocol === 'https:' ? httpsRequest : httpRequest
  const user = proxy.username === '' ? undefined : `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return (options, callback) => {
    const authority = `${options.hostname}:${options.port || '443'}`
    const request = ask({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: authority,
      agent: false,
      headers: { host: authority, ...user !== undefined && { 'proxy-authorization': `Basic ${Buffer.from(user).toString('base64')}` } }
    })
    if (timeout > 0) request.setTimeout(timeout, () => request.destroy(new Error('the proxy did not answer in time')))
    request.once('error', (error) => callback(error, null))
    request.once('response', (response) => {
      request.destroy()
      callback(new Error(`the proxy answered ${response.statusCode}`), null)
    })
    request.once('connect', (response, socket) => {
      socket.setTimeout(0)
      if (response.statusCode === 200) return void secure({ ...options, httpSocket: socket }, callback)
      socket.destroy()
      callback(new Error(`the proxy answered ${response.statusCode}`), null)
    })
    request.end()
  }
}
