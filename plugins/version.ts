import { readFileSync } from 'node:fs'

/** The gateway's version, from its package.json: beside the sources, or one folder above the built ones. */
export const version: string = (() => {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { name: string, version: string }
      if (name === 'llm-gateway') return version
    } catch {}
  }
  return 'unknown'
})()
