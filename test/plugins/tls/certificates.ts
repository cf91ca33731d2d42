import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Teardown } from '../../helper.ts'

/** A certificate and its key, as files and as text. */
export interface Made { certFile: string, keyFile: string, cert: string, key: string }

/** Makes certificates in a folder of its own. */
export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), 'llm-gateway-tls-'))
  readonly #openssl = (...args: string[]): void => { execFileSync('openssl', args, { cwd: this.folder, stdio: 'pipe' }) }

  constructor (t: Teardown) {
    t.teardown(() => rmSync(this.folder, { recursive: true, force: true }))
  }

  /** One that has signed itself, and may sign others. */
  root (name: string): Made {
    this.#openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
      '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', `${name}.key`, '-out', `${name}.crt`)
    return this.made(name)
  }

  /** One that another has signed. */
  signed (name: string, by: string): Made {
    this.#openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`)
    this.#openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial', '-days', '2', '-out', `${name}.crt`)
    return this.made(name)
  }

  /** A key in some form of its own. */
  key (name: string, ...args: string[]): string {
    this.#openssl(...args, '-out', `${name}.key`)
    return join(this.folder, `${name}.key`)
  }

  made (name: string): Made {
    const [certFile, keyFile] = [join(this.folder, `${name}.crt`), join(this.folder, `${name}.key`)] as const
    return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  }

  /** Puts a content at a path, by rename. */
  replace (file: string, content: string): void {
    writeFileSync(`${file}.next`, content, { mode: 0o600 })
    renameSync(`${file}.next`, file)
  }
}
