/**
 * The laws of dialects and providers, for whoever writes one. They need no test runner: each is a name and a function
 * that throws where the law is broken.
 *
 *     import { dialectLaws, providerLaws } from 'llm-gateway/laws'
 *     for (const { name, run } of providerLaws(myProvider)) test(name, run)
 */
export { dialectLaws } from './laws/dialect.ts'
export { pairLaws } from './laws/pair.ts'
export { providerLaws } from './laws/provider.ts'
export type { Law } from './laws/law.ts'
