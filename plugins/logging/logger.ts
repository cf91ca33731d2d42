import type { FastifyServerOptions } from 'fastify'
import { hostname } from 'node:os'
import type { Writable } from 'node:stream'
import { concealedError } from '../keys/conceal.ts'
import { OWN, REQUEST } from './line.ts'
import { logStream, type LogFormat } from './sink.ts'

type LoggerOptions = Exclude<FastifyServerOptions['logger'], boolean | undefined>
type LogMethod = NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']>

/** In every line. */
const base = { pid: process.pid, hostname: hostname() }

/** Of each logger what it says in every line, as JSON: made once. */
const bindings = new WeakMap<object, string>()

/**
 * The gateway's own logger: pino, but for the lines of requests, which are many, and cost twice as much when each field is
 * put to a line by itself.
 *
 * @param stream in place of standard output. Set beside these options, like `redact` or `formatters`, it would not be asked for
 * the lines of requests: whoever wants another logger replaces them as a whole.
 */
export function loggerOptions (level: string, format: LogFormat, stream?: Writable): LoggerOptions {
  const sink = logStream(format, stream)
  const logMethod: LogMethod = function (args, method, number) {
    const line: unknown = args[0]
    // What a plugin of somebody's says, be it `request`, may have secrets, cycles or nothing in it: pino and its serializers know how.
    if (typeof line !== 'object' || line === null || !(OWN in line)) return method.apply(this, args)
    let bound = bindings.get(this)
    if (bound === undefined) bindings.set(this, bound = inside({ ...base, ...this.bindings() }))
    sink.write(`{"level":${number},"time":${Date.now()},${bound},${inside(line)},"msg":"${REQUEST}"}\n`)
  }
  return { level, base, stream: sink, serializers: { err: concealedError }, hooks: { logMethod } }
}

/** An object's fields as JSON, to stand among others. */
function inside (fields: object): string {
  return JSON.stringify(fields).slice(1, -1)
}
