import { BlockList, isIP, isIPv4 } from 'node:net'

/** Whether a text is an address, or a network in CIDR notation (RFC 4632, RFC 4291 §2.3). */
export function isNetwork (text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  if (isIP(address) === 0 || address.includes('%') || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(address) ? 32 : 128))
}

/** A list of addresses as `X-Forwarded-For` has it, without the ports that some balancers write: `1.2.3.4:567`, `[::1]:567`, `[::1]`. */
export function withoutPorts (list: string): string {
  return list.split(',').map((entry) => entry.trim().replace(/^(?:(\d+(?:\.\d+){3}):\d{1,5}|\[([\da-f:.]+)\](?::\d{1,5})?)$/i, '$1$2')).join(', ')
}

/** IPv4 as it is, where a socket for both families has written it as IPv6 (RFC 4291 §2.5.5.2). */
export function unmapped (address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

const made = new WeakMap<readonly string[], BlockList>()

/** Whether an address is in one of the networks, each of them right. What is no address is in none. */
export function isWithin (networks: readonly string[], address: string | undefined): boolean {
  // With the interface that an address of the link came by.
  const plain = unmapped(address ?? '').replace(/%.*$/, '')
  const family = isIP(plain)
  if (family === 0) return false
  let list = made.get(networks)
  if (list === undefined) {
    list = listOf(networks)
    made.set(networks, list)
  }
  return list.check(plain, family === 4 ? 'ipv4' : 'ipv6')
}

function listOf (networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}
