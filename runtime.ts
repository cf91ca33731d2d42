import { writeFileSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'

/**
 * Imported first, and alone, by every entry (flags.ts goes before, which replaces the process): on a Node too old for the rest
 * it says so in one line. Nothing here may be newer than the Node it complains about.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`llm-gateway needs Node 22.18 or newer, and this is ${process.versions.node}. npm run and npx use the right one: npm start`)
  process.exit(1)
}

// All keys are in memory. Where the system keeps dumps of crashed processes, there is none of this one's memory in them.
try {
  writeFileSync('/proc/self/coredump_filter', '0')
} catch {
  // Not Linux, or a sandbox that keeps no dumps.
}
if (process.report !== undefined) process.report.excludeEnv = true

// What V8 compiles is kept for the next start, which then takes two thirds of the time: beside the code, where nobody may write
// who may not write the code. Without such a right, and with NODE_COMPILE_CACHE, this does nothing. Before any flag is set: by flags the
// cache is known.
if (process.env['NODE_V8_COVERAGE'] === undefined) {
  const built = !import.meta.url.endsWith('.ts')
  module.enableCompileCache(fileURLToPath(new URL(built ? 'cache' : 'node_modules/.cache/compiled', import.meta.url)))
}

// Bodies lie outside of JavaScript's heap, and Node 24 collects all of the heap whenever 64 MB of them have come by: with long
// prompts a dozen times a second. So it counts them as what they are, a part of its memory.
if (major === 24) setFlagsFromString('--external-memory-accounted-in-global-limit')
