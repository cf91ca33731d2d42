import { providerTimers, settingsWith, timerNames } from '../plugins/config/schema.ts'
import { defaultProviders, loadBuiltin } from '../providers/index.ts'
import type { Provider } from '../providers/provider.ts'

/** What somebody who begins may want to set. */
const FIRST = ['KEYS_FILE', 'GATEWAY_HOST', 'GATEWAY_PORT', 'PROVIDERS', 'MAX_REQUESTS_PER_HOUR', 'REQUEST_TIMEOUT', 'DATA_DIR', 'ADMIN_KEY', 'LOG_LEVEL', 'LOG_BODIES']

/** Tables of settings, with the addresses of the providers that are loaded by default: the README's, and the whole one. */
export async function settingsTables (): Promise<{ first: string, all: string }> {
  const providers = await Promise.all(defaultProviders.map(loadBuiltin))
  const timers = new Set(providers.flatMap(timerNames).map(([name]) => name))
  const rows = Object.entries(settingsWith(providers).properties).filter(([name]) => !timers.has(name)).map(([name, property]) => {
    const { default: value, description } = property as { default?: string, description?: string }
    return { name, row: `| \`${name}\` | ${value === undefined ? '' : `\`${value}\``} | ${description} |` }
  })
  const table = (shown: typeof rows): string => ['| variable | default | meaning |', '| --- | --- | --- |', ...shown.map(({ row }) => row)].join('\n')
  const own = Object.keys(providerTimers).map((timer) => `\`NAME_${timer}\``).join(', ')
  const ofProvider = { name: '', row: `| ${own} |  | These timers for provider \`NAME\` alone, such as \`${timerNames(providers[0] as Provider)[1]?.[0]}=90s\`, in place of the settings for all. A key's own go before them. |` }
  return { first: table(rows.filter(({ name }) => FIRST.includes(name))), all: table([...rows, ofProvider]) }
}
