import type { Provider } from './provider.ts'

/** The built-in providers by name. Each is imported only when it is asked for. */
const builtins = new Map<string, () => Promise<{ default: Provider }>>([
  ['openai', () => import('./openai.ts')],
  ['anthropic', () => import('./anthropic.ts')],
  ['deepseek', () => import('./deepseek.ts')],
  ['simulator', () => import('./simulator/index.ts')]
])

/** Their names. */
export const builtinProviders: readonly string[] = [...builtins.keys()]

/** Those loaded unless PROVIDERS says otherwise. */
export const defaultProviders: readonly string[] = ['openai', 'anthropic', 'deepseek']

/** @throws {Error} where there is none of that name */
export async function loadBuiltin (name: string): Promise<Provider> {
  const load = builtins.get(name)
  if (load === undefined) throw new Error(`no built-in provider ${name}`)
  return (await load()).default
}

export { compatible, compatibleHelp } from './compatible.ts'
