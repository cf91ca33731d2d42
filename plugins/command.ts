/**
 * The words of a command line are not right. The command ends with 2 then, as the shell's own do; one that was called rightly
 * and failed ends with 1, so that a script can tell its own mistake from any other.
 */
export class WrongUsage extends Error {
  override name = 'WrongUsage'
}

/** Runs `llm-gateway NAME …` with the words behind its name. What keeps it from its end is one line on standard error. */
export async function runCommand (name: string, run: (args: string[]) => Promise<void>): Promise<void> {
  try {
    await run(process.argv.slice(3))
  } catch (error) {
    console.error(`llm-gateway ${name}: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = isWrongUsage(error) ? 2 : 1
  }
}

/** Of options it is Node's reader of them that says so. */
function isWrongUsage (error: unknown): boolean {
  return error instanceof WrongUsage || String((error as NodeJS.ErrnoException | undefined)?.code).startsWith('ERR_PARSE_ARGS_')
}
