/** What the operating system has counted of a process. Linux only: it is read from /proc. */
import { readFileSync } from 'node:fs'

/** Ticks a second in /proc, on every architecture that Node runs on. */
const TICKS = 100

/** Seconds of CPU, of all threads. */
export interface Cpu {
  own: number
  /** Of children that have ended and were waited for. */
  children: number
}

/** The text of /proc/PID/stat. A process's name stands in brackets and may hold anything, brackets and spaces too. */
export function parseStat (text: string): Cpu {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number)
  // utime, stime, cutime and cstime are fields 14 to 17, counted from 1; two came before the bracket's end.
  const [user = NaN, system = NaN, childUser = NaN, childSystem = NaN] = fields.slice(11, 15)
  return { own: (user + system) / TICKS, children: (childUser + childSystem) / TICKS }
}

/** The text of /proc/stat: seconds in which any CPU was at work, for whomever. */
export function parseBusy (text: string): number {
  const [user = NaN, nice = NaN, system = NaN, , , irq = NaN, softirq = NaN] = text.split('\n', 1).join().split(/\s+/).slice(1).map(Number)
  return (user + nice + system + irq + softirq) / TICKS
}

/** The text of /proc/PID/status: bytes of memory in use. */
export function parseRss (text: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? NaN) * 1024
}

export const cpuOf = (pid: number | 'self'): Cpu => parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
export const rssOf = (pid: number): number => parseRss(readFileSync(`/proc/${pid}/status`, 'utf8'))
export const busy = (): number => parseBusy(readFileSync('/proc/stat', 'utf8'))
