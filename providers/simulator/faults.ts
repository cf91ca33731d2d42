import { Refusal } from './refusal.ts'

/**
 * Faults are asked for by model name, so that any client can ask:
 *
 * - `simulate-429`, `simulate-500`, `simulate-400`, any other `simulate-` and a status from 400 to 599: that error
 * - `simulate-break` the connection is cut in the middle of the reply
 * - `simulate-error` an error event comes in the middle of the stream; 500 where the reply is whole
 * - `simulate-slow` a second until the first byte, a tenth between the pieces of a stream
 */
export interface Fault {
  /** What ends the reply in its middle. */
  middle?: 'break' | 'error'
  /** Milliseconds before the first byte. */
  wait?: number
  /** Milliseconds between the pieces of a stream. */
  pace?: number
}

/** @throws {Refusal} where the fault is a status. */
export function faultOf (model: string, stream: boolean): Fault {
  const status = Number(/^simulate-([45]\d\d)$/.exec(model)?.[1])
  if (status > 0) throw new Refusal(status, `This is the ${status} that the model ${model} always answers with.`)
  switch (model) {
    case 'simulate-break': return { middle: 'break' }
    case 'simulate-error':
      if (!stream) throw new Refusal(500, `This is the error that the model ${model} always ends with.`)
      return { middle: 'error' }
    case 'simulate-slow': return { wait: 1000, pace: 100 }
    default: return {}
  }
}
