/** The process: listens, and stops without losing a stream. */
import { takeFlags } from './flags.ts'

// A process that is replaced loads nothing else.
takeFlags()
await import('./runtime.ts')

// Until there is something to close. The first process of a container has no other end by a signal than one of its own.
const atOnce = (): never => process.exit(0)
process.on('SIGTERM', atOnce).on('SIGINT', atOnce)

// Loaded only now: on an old Node these would fail before the line above could say why.
const { default: Fastify } = await import('fastify')
const { default: closeWithGrace } = await import('close-with-grace')
const { gateway, serverOptions } = await import('./app.ts')
const { readSettings } = await import('./plugins/config/index.ts')
const { listenFault } = await import('./plugins/http/listen-fault.ts')
const { conceal } = await import('./plugins/keys/conceal.ts')
const { flush } = await import('./plugins/logging/sink.ts')

/** Not those that Fastify would load and make: the routes of this process bring their judges, and write what they have. */
const compilersFactory = {
  buildValidator: () => (): never => { throw new Error('A route with a schema for its requests names a validatorCompiler.') },
  buildSerializer: () => () => JSON.stringify
}

let stopping = false
try {
  const app = Fastify({ ...serverOptions(), schemaController: { compilersFactory } })
  closeWithGrace({
    // Longer than the relay gives its streams. With the default it is shorter than the 40 s that compose waits before it kills.
    delay: readSettings(process.env).shutdownTimeout + 8_000,
    logger: false,
    onSecondSignal: (signal) => console.error(`llm-gateway: ended by a second ${signal}`),
    onTimeout: () => console.error('llm-gateway: could not close in time')
  }, async ({ err, signal }) => {
    stopping = true
    if (err) app.log.fatal({ err }, 'stopping after an error')
    else app.log.info(`stopping on ${signal}`)
    await app.close()
    await flush()
  })
  process.off('SIGTERM', atOnce).off('SIGINT', atOnce)
  await app.register(gateway)
  const { host, port } = app.config
  // For the name, Fastify would open a second server beside this one, which knows of no reload and no end.
  const address = { host: host === 'localhost' ? '127.0.0.1' : host, port, backlog: 4096 }
  // By itself, so that what keeps a plugin from being ready is not taken for the address.
  await app.ready()
  await app.listen(address).catch((error: unknown) => { throw listenFault(error) })
  // What V8 compiled is there for the next start, also where this process is killed.
  setTimeout(() => process.getBuiltinModule('node:module').flushCompileCache(), 1000).unref()
} catch (error) {
  // Told to stop while it started: that is no fault, and the end is under way.
  if (stopping) await new Promise(() => {})
  // One line: whoever reads it has just mistyped a setting, and a stack would not help.
  console.error(conceal(`llm-gateway: ${error instanceof Error ? error.message : String(error)}`))
  process.exit(1)
}
