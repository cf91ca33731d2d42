import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'

/** Addresses at which a machine reaches itself: RFC 1122 §3.2.1.3, RFC 4291 §2.5.2 and §2.5.3. */
const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')
const wildcard = new BlockList()
wildcard.addAddress('0.0.0.0', 'ipv4')
wildcard.addAddress('::', 'ipv6')

/**
 * Reads a base URL. No message repeats the text, which may hold a password.
 * @returns the URL without a slash at its end, so that paths can be appended
 * @throws {Error} whose message completes a sentence that begins with the setting's name
 */
export function parseBaseUrl (text: string): string {
  if (!URL.canParse(text) || /\s/.test(text)) throw new Error('is not a URL')
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new Error('is not an https or http URL')
  if (url.username !== '' || url.password !== '') {
    throw new Error('has a user name or password in it: real keys belong in the keys file')
  }
  if (/[?#]/.test(text)) throw new Error('has a query or fragment: paths are appended to it')
  return url.href.replace(/\/+$/, '')
}

/**
 * Whether a base URL is the address that the gateway itself listens on. Names are compared, not resolved: what
 * only DNS knows shows up as a loop when the first request comes round.
 */
export function pointsAtGateway (baseUrl: string, host: string, port: number): boolean {
  const url = new URL(baseUrl)
  if (port === 0 || Number(url.port || (url.protocol === 'https:' ? 443 : 80)) !== port) return false
  const target = plain(url.hostname)
  const own = plain(host)
  if (target === own) return true
  // To connect to 0.0.0.0 or :: is to connect to this machine.
  const toSelf = isLoopback(target) || isWildcard(target)
  if (isLoopback(own)) return toSelf
  return isWildcard(own) && (toSelf || isOfThisMachine(target))
}

function plain (host: string): string {
  return host.toLowerCase().replace(/^\[|\]$|\.$/g, '')
}

function isLoopback (host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || isIn(loopback, host)
}

function isWildcard (host: string): boolean {
  return isIn(wildcard, host)
}

function isOfThisMachine (host: string): boolean {
  if (host === hostname().toLowerCase()) return true
  const addresses = new BlockList()
  for (const { address, family } of Object.values(networkInterfaces()).flatMap((list) => list ?? [])) {
    addresses.addAddress(address, family === 'IPv4' ? 'ipv4' : 'ipv6')
  }
  return isIn(addresses, host)
}

/** A block list compares the many spellings of one address, also IPv4 addresses mapped into IPv6. */
function isIn (list: BlockList, host: string): boolean {
  return (isIPv4(host) && list.check(host, 'ipv4')) || (isIPv6(host) && list.check(host, 'ipv6'))
}
