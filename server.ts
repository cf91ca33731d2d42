/** The process: listens, and stops without losing a stream. */
import './runtime.ts'

// Loaded only now: on an old Node these would fail before the line above could say why.
const { default: Fastify } = await import('fastify')
const { default: closeWithGrace } = await import('close-with-grace')
const { gateway, serverOptions } = await import('./app.ts')
const { flush } = await import('./plugins/logging/sink.ts')

try {
  const app = Fastify(serverOptions())
  closeWithGrace({
    // Longer than the relay gives its streams, shorter than the 40 s that compose waits before it kills.
    delay: 35_000,
    logger: false,
    onTimeout: () => console.error('llm-gateway: could not close in time')
  }, async ({ err, signal }) => {
    if (err) app.log.fatal({ err }, 'stopping after an error')
    else app.log.info(`stopping on ${signal}`)
    await app.close()
    await flush()
  })
  await app.register(gateway)
  const { host, port } = app.config
  // For the name, Fastify would open a second server beside this one, which knows of no reload and no end.
  await app.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port, backlog: 4096 })
} catch (error) {
  // One line: whoever reads it has just mistyped a setting, and a stack would not help.
  console.error(`llm-gateway: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
