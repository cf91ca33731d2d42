/** What can be done about a system's refusal to listen, by its code. */
const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'stop what listens there, or set another port, for example GATEWAY_PORT=8081',
  EACCES: 'this user may not listen there: set another port, for example GATEWAY_PORT=8080',
  EADDRNOTAVAIL: 'GATEWAY_HOST must be an address of this machine, for example GATEWAY_HOST=127.0.0.1',
  ENOTFOUND: 'GATEWAY_HOST must be an address of this machine, or a name of one, for example GATEWAY_HOST=127.0.0.1'
}

/** Why the gateway cannot listen, as one line that names the setting. */
export function listenFault (error: unknown): Error {
  const { code = '', message } = error instanceof Error ? error as NodeJS.ErrnoException : new Error(String(error)) as NodeJS.ErrnoException
  const remedy = REMEDIES[code]
  return new Error(`cannot listen at GATEWAY_HOST and GATEWAY_PORT: ${message}${remedy === undefined ? '' : `; ${remedy}`}`, { cause: error })
}
