import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What there is to read. */
export interface Page {
  readonly contentType: string
  render (): Promise<string>
}

/** Scrapers are few. */
const MOST_CONNECTIONS = 100

export interface Listener {
  /** Such as `http://127.0.0.1:9464`. */
  readonly url: string
  close (): Promise<void>
}

/**
 * A server of one page, on a port of its own, so that it can be open to other networks than the gateway's.
 * @throws {Error} in one line, where it cannot listen
 */
export async function listen (page: Page, host: string, port: number): Promise<Listener> {
  const server = createServer({ headersTimeout: 5000, requestTimeout: 10_000, connectionsCheckingInterval: 1000 }, (request, response) => {
    answer(page, request, response).catch(() => response.destroy())
  })
  server.maxConnections = MOST_CONNECTIONS
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, resolve)
    })
  } catch (error) {
    throw new Error(`cannot listen for METRICS_PORT: ${error instanceof Error ? error.message : String(error)}`)
  }
  return { url: urlOf(server), close: () => close(server) }
}

async function answer (page: Page, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path] = request.url?.split('?', 1) ?? []
  const wrong = path !== '/metrics' ? 404 : request.method !== 'GET' && request.method !== 'HEAD' ? 405 : undefined
  if (wrong !== undefined) {
    // A body that nobody reads would be taken for the next request.
    response.writeHead(wrong, { 'content-type': 'text/plain', connection: 'close', ...wrong === 405 && { allow: 'GET, HEAD' } }).end('GET /metrics\n')
    return
  }
  const text = await page.render()
  response.writeHead(200, { 'content-type': page.contentType, 'cache-control': 'no-store' }).end(text)
}

function urlOf (server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

async function close (server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
