#!/usr/bin/env node
/** The command: `llm-gateway` or `llm-gateway start` runs the gateway; the others are in its usage. */
const USAGE = `llm-gateway: one process in front of LLM providers

  llm-gateway [start]      run the gateway; settings come from the environment
  llm-gateway demo         run it beside a simulated provider, with keys made for it
  llm-gateway health       ask the gateway of this machine whether it lives, by the same settings; ends with 0 if so
  llm-gateway test-provider ./my-provider.js
                           hold a provider's file or package to the laws, and dialects that it exports
  llm-gateway prices MODEL [--provider NAME] [--at TIME]
                           say what a model costs, and where that is known from
  llm-gateway rerate --since TIME [--until TIME] [--dry-run]
                           reckon again what requests cost, while the gateway is stopped
  llm-gateway keys create|list|rotate|disable
                           make virtual keys, list them, replace them, refuse them: see llm-gateway keys --help
  llm-gateway --version

A command that fails ends with 1, one that is called wrongly with 2.
`

const [command = 'start'] = process.argv.slice(2)
// That of the process comes behind its flags.
if (command !== 'start') await import('./runtime.ts')

if (command === 'start') await import('./server.ts')
else if (command === 'demo') await import('./scripts/demo.ts')
else if (command === 'health') await import('./plugins/tls/health.ts')
else if (command === 'test-provider') await import('./scripts/test-provider.ts')
else if (command === 'prices') await import('./plugins/prices/command.ts')
else if (command === 'rerate') await import('./plugins/ledger/command.ts')
else if (command === 'keys') await import('./plugins/keys/command.ts')
else if (command === '--version') console.log((await import('./plugins/version.ts')).version)
else {
  const asked = command === '--help' || command === '-h'
  console[asked ? 'log' : 'error'](asked ? USAGE : `llm-gateway: unknown command "${command}"\n\n${USAGE}`)
  process.exit(asked ? 0 : 2)
}
