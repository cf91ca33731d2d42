/** Why a file is refused, in one line that quotes no secret of it. */
export class FileFault extends Error {
  override name = 'FileFault'
}
