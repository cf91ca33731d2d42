import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { resolve } from 'node:path'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { Config } from '../config/index.ts'
import { FileFault } from '../file/fault.ts'
import { readBytesNow, type Source } from '../file/source.ts'

/** Where the gateway's own certificate is, and its key; and who may sign those of clients. */
export interface TlsFiles { cert: Source, key: Source, clientCa?: Source }

/** What is in these files. */
export interface TlsBytes { cert: Buffer, key: Buffer, clientCa?: Buffer }

/**
 * @returns `undefined` where the gateway speaks plain HTTP
 * @throws {Error} in one line
 */
export function tlsFiles ({ tlsCertFile, tlsKeyFile, tlsClientCaFile }: Pick<Config, 'tlsCertFile' | 'tlsKeyFile' | 'tlsClientCaFile'>): TlsFiles | undefined {
  if (tlsCertFile === undefined && tlsKeyFile === undefined) {
    if (tlsClientCaFile === undefined) return undefined
    throw new Error('TLS_CLIENT_CA_FILE is set, and there is no TLS: set TLS_CERT_FILE and TLS_KEY_FILE too, or unset it')
  }
  if (tlsCertFile === undefined) throw new Error('TLS_CERT_FILE is not set, and TLS_KEY_FILE is: set both, or neither for plain HTTP')
  if (tlsKeyFile === undefined) throw new Error('TLS_KEY_FILE is not set, and TLS_CERT_FILE is: set both, or neither for plain HTTP')
  return {
    cert: sourceOf('TLS_CERT_FILE', tlsCertFile),
    key: sourceOf('TLS_KEY_FILE', tlsKeyFile),
    ...tlsClientCaFile !== undefined && { clientCa: sourceOf('TLS_CLIENT_CA_FILE', tlsClientCaFile) }
  }
}

function sourceOf (setting: string, file: string): Source {
  return { path: resolve(file), setting, remedy: `set ${setting} to a file that does` }
}

/**
 * What a server with TLS begins with.
 * @throws {Error} in one line that names the setting and the file
 */
export function readPair ({ cert, key, clientCa }: TlsFiles): SecureContextOptions {
  return judge({ cert, key, ...clientCa !== undefined && { clientCa } }, {
    cert: named(cert, () => readBytesNow(cert)),
    key: named(key, () => readBytesNow(key)),
    ...clientCa !== undefined && { clientCa: named(clientCa, () => readBytesNow(clientCa)) }
  })
}

/**
 * Whether they are what they should be, and belong together.
 * @throws {FileFault} that names the setting and the file
 */
export function judge (files: TlsFiles, { cert, key, clientCa }: TlsBytes): SecureContextOptions {
  const { certificates, own } = named(files.cert, () => {
    const certificates = certificatesOf(cert)
    return { certificates, own: certificates[0] as X509Certificate }
  })
  named(files.key, () => {
    if (!own.checkPrivateKey(keyOf(key))) throw new FileFault('it is not the key of the certificate in TLS_CERT_FILE')
  })
  const authorities = files.clientCa
  if (authorities !== undefined) named(authorities, () => certificatesOf(clientCa ?? Buffer.alloc(0)))
  const options: SecureContextOptions = { cert, key, minVersion: 'TLSv1.2', ...clientCa !== undefined && { ca: clientCa } }
  named(files.cert, () => {
    try {
      createSecureContext(options)
    } catch (error) {
      // Such as a key that is too short.
      throw new FileFault(`TLS cannot be spoken with ${certificates.length > 1 ? 'these' : 'it'} (${(error as NodeJS.ErrnoException).code})`)
    }
  })
  return options
}

/** Says which file a fault is of. */
function named<T> ({ setting, path }: Source, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof FileFault ? nameFault({ setting, path }, error) : error
  }
}

export function nameFault ({ setting, path }: Pick<Source, 'setting' | 'path'>, fault: FileFault): FileFault {
  return new FileFault(`${setting}: ${path}: ${fault.message}`)
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

export function certificatesOf (bytes: Buffer): X509Certificate[] {
  const texts = bytes.toString('latin1').match(CERTIFICATE) ?? []
  if (texts.length === 0) throw new FileFault('there is no certificate in PEM form in it')
  return texts.map((text, index) => {
    try {
      return new X509Certificate(text)
    } catch {
      throw new FileFault(`certificate ${index + 1} in it cannot be read`)
    }
  })
}

/** OpenSSL's own messages are not repeated: they may quote what is in the file. */
function keyOf (bytes: Buffer): KeyObject {
  try {
    return createPrivateKey(bytes)
  } catch {
    // The two forms of it: PKCS #8's, and the older one.
    const encrypted = /BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(bytes.toString('latin1'))
    throw new FileFault(encrypted ? 'it has a passphrase, which nobody is there to type' : 'there is no private key in PEM form in it')
  }
}
