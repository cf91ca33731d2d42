import { readdir, readFile } from 'node:fs/promises'
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import { Histogram, type Registry } from 'prom-client'
import type { Labels, Shown, Values } from './shown.ts'

/** Seconds. */
const PAUSES = [0.001, 0.01, 0.1, 1, 2, 5]
/** ms between two looks at the event loop. */
const RESOLUTION = 10
const NANO = 1e9
const MICRO = 1e6

const KINDS = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb']
])

/**
 * What there is to say of the process, under the names that dashboards for Node know. The library's own default metrics
 * observe the process for as long as it lives, once more for each gateway that is opened in it.
 * @returns what ends the observing
 */
export function measureProcess (registry: Registry, { counter, gauge }: Shown): () => void {
  const one = (value: number): Values => [[{}, value]]

  counter('process_cpu_user_seconds_total', 'Total user CPU time spent in seconds.', [], () => one(process.cpuUsage().user / MICRO))
  counter('process_cpu_system_seconds_total', 'Total system CPU time spent in seconds.', [], () => one(process.cpuUsage().system / MICRO))
  counter('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', [], () => {
    const { user, system } = process.cpuUsage()
    return one((user + system) / MICRO)
  })
  const startedAt = Math.round(Date.now() / 1000 - process.uptime())
  gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', [], () => one(startedAt))
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', [], residentMemory)
  if (process.platform === 'linux') {
    gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.', [], async () => await ofProcess('status', /^VmSize:\s+(\d+) kB/m, 1024))
    gauge('process_heap_bytes', 'Process heap size in bytes.', [], async () => await ofProcess('status', /^VmData:\s+(\d+) kB/m, 1024))
    // The one by which the folder is read is among them.
    gauge('process_open_fds', 'Number of open file descriptors.', [], async () => await readdir('/proc/self/fd').then((files) => one(files.length - 1), none))
    gauge('process_max_fds', 'Maximum number of open file descriptors.', [], async () => await ofProcess('limits', /^Max open files\s+(\d+)/m, 1))
  }

  const delays = monitorEventLoopDelay({ resolution: RESOLUTION })
  delays.enable()
  let seen = { min: 0, max: 0, mean: 0, stddev: 0, p50: 0, p90: 0, p99: 0 }
  gauge('nodejs_eventloop_lag_seconds', 'Lag of event loop in seconds.', [], async () => {
    const { min, max, mean, stddev } = delays
    seen = { min, max, mean, stddev, p50: delays.percentile(50), p90: delays.percentile(90), p99: delays.percentile(99) }
    delays.reset()
    const start = performance.now()
    await setImmediate()
    return one((performance.now() - start) / 1000)
  })
  const delay = (name: keyof typeof seen, help: string): void => gauge(`nodejs_eventloop_lag_${name}_seconds`, help, [], () => one(seen[name] / NANO))
  delay('min', 'The minimum recorded event loop delay.')
  delay('max', 'The maximum recorded event loop delay.')
  delay('mean', 'The mean of the recorded event loop delays.')
  delay('stddev', 'The standard deviation of the recorded event loop delays.')
  delay('p50', 'The 50th percentile of the recorded event loop delays.')
  delay('p90', 'The 90th percentile of the recorded event loop delays.')
  delay('p99', 'The 99th percentile of the recorded event loop delays.')

  gauge('nodejs_active_resources', 'Number of active resources that are currently keeping the event loop alive, grouped by async resource type.', ['type'],
    () => process.getActiveResourcesInfo().map((type) => [{ type }, 1]))

  gauge('nodejs_heap_size_total_bytes', 'Process heap size from Node.js in bytes.', [], () => one(getHeapStatistics().total_heap_size))
  gauge('nodejs_heap_size_used_bytes', 'Process heap size used from Node.js in bytes.', [], () => one(getHeapStatistics().used_heap_size))
  gauge('nodejs_external_memory_bytes', 'Node.js external memory size in bytes.', [], () => one(getHeapStatistics().external_memory))
  const spaces = (field: 'space_size' | 'space_used_size' | 'space_available_size') => (): Values =>
    getHeapSpaceStatistics().map((space): [Labels, number] => [{ space: space.space_name.replace(/_space$/, '') }, space[field]])
  gauge('nodejs_heap_space_size_total_bytes', 'Process heap space size total from Node.js in bytes.', ['space'], spaces('space_size'))
  gauge('nodejs_heap_space_size_used_bytes', 'Process heap space size used from Node.js in bytes.', ['space'], spaces('space_used_size'))
  gauge('nodejs_heap_space_size_available_bytes', 'Process heap space size available from Node.js in bytes.', ['space'], spaces('space_available_size'))

  const [major = '', minor = '', patch = ''] = process.versions.node.split('.')
  gauge('nodejs_version_info', 'Node.js version info.', ['version', 'major', 'minor', 'patch'], () => [[{ version: process.version, major, minor, patch }, 1]])

  const pauses = new Histogram({
    name: 'nodejs_gc_duration_seconds',
    help: 'Garbage collection duration by kind, one of major, minor, incremental or weakcb.',
    labelNames: ['kind'],
    buckets: PAUSES,
    registers: [registry]
  })
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const kind = KINDS.get('detail' in entry ? (entry.detail as { kind?: number }).kind ?? 0 : 0)
      if (kind !== undefined) pauses.observe({ kind }, entry.duration / 1000)
    }
  })
  observer.observe({ entryTypes: ['gc'] })

  return () => {
    delays.disable()
    observer.disconnect()
  }
}

function residentMemory (): Values {
  try {
    return [[{}, process.memoryUsage.rss()]]
  } catch {
    return none()
  }
}

/** A number that the kernel tells of this process; none where it tells something else, such as `unlimited`. */
async function ofProcess (file: string, pattern: RegExp, unit: number): Promise<Values> {
  return await readFile(`/proc/self/${file}`, 'utf8').then((text): Values => {
    const [, number] = pattern.exec(text) ?? []
    return number === undefined ? [] : [[{}, Number(number) * unit]]
  }, none)
}

/** No descriptor is left to read it with: whoever asks wants to know all the rest then more than ever. */
const none = (): Values => []
