import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readPair, tlsFiles } from '../../../plugins/tls/pair.ts'
import { Authority } from './certificates.ts'

t.test('both or neither', async (t) => {
  const none = { tlsCertFile: undefined, tlsKeyFile: undefined, tlsClientCaFile: undefined }
  t.equal(tlsFiles(none), undefined)
  t.throws(() => tlsFiles({ ...none, tlsCertFile: 'a.crt' }), { message: 'TLS_KEY_FILE is not set, and TLS_CERT_FILE is: set both, or neither for plain HTTP' })
  t.throws(() => tlsFiles({ ...none, tlsKeyFile: 'a.key' }), { message: 'TLS_CERT_FILE is not set, and TLS_KEY_FILE is: set both, or neither for plain HTTP' })
  t.throws(() => tlsFiles({ ...none, tlsClientCaFile: 'ca.crt' }), { message: /^TLS_CLIENT_CA_FILE is set, and there is no TLS/ })
})

t.test('what is wrong with a file is said in one line that names the setting and quotes nothing of it', async (t) => {
  const authority = new Authority(t)
  const [one, other] = [authority.root('one'), authority.root('other')]
  const file = (name: string, content: string): string => {
    const path = join(authority.folder, name)
    writeFileSync(path, content)
    return path
  }
  const garbage = file('garbage.pem', '-----BEGIN CERTIFICATE-----\nc2VjcmV0LXNlY3JldA==\n-----END CERTIFICATE-----\n')
  const encrypted = authority.key('encrypted', 'genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-aes256', '-pass', 'pass:secret-secret')
  const rsa = authority.key('rsa', 'genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048')
  const cases: Array<[cert: string, key: string, clientCa: string | undefined, said: RegExp]> = [
    [join(authority.folder, 'none.crt'), one.keyFile, undefined, /^TLS_CERT_FILE: .*none\.crt: it does not exist: set TLS_CERT_FILE/],
    [one.certFile, join(authority.folder, 'none.key'), undefined, /^TLS_KEY_FILE: .*none\.key: it does not exist/],
    [authority.folder, one.keyFile, undefined, /^TLS_CERT_FILE: .*it is a directory/],
    [one.keyFile, one.keyFile, undefined, /^TLS_CERT_FILE: .*there is no certificate in PEM form in it/],
    [garbage, one.keyFile, undefined, /^TLS_CERT_FILE: .*certificate 1 in it cannot be read/],
    [file('two.pem', one.cert + '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'), one.keyFile, undefined, /^TLS_CERT_FILE: .*certificate 2 in it/],
    [one.certFile, one.certFile, undefined, /^TLS_KEY_FILE: .*there is no private key in PEM form in it/],
    [one.certFile, other.keyFile, undefined, /^TLS_KEY_FILE: .*it is not the key of the certificate in TLS_CERT_FILE/],
    [one.certFile, rsa, undefined, /^TLS_KEY_FILE: .*it is not the key of the certificate in TLS_CERT_FILE/],
    [one.certFile, encrypted, undefined, /^TLS_KEY_FILE: .*it has a passphrase/],
    [one.certFile, one.keyFile, file('empty.crt', ''), /^TLS_CLIENT_CA_FILE: .*there is no certificate in PEM form in it/]
  ]
  for (const [cert, key, clientCa, said] of cases) {
    const files = tlsFiles({ tlsCertFile: cert, tlsKeyFile: key, tlsClientCaFile: clientCa })!
    t.throws(() => readPair(files), { message: said }, said.source)
    try {
      readPair(files)
    } catch (error) {
      t.notMatch((error as Error).message, /\n|BEGIN|secret|c2Vj/)
    }
  }
  t.match(readPair(tlsFiles({ tlsCertFile: one.certFile, tlsKeyFile: one.keyFile, tlsClientCaFile: other.certFile })!), { minVersion: 'TLSv1.2' })
})
