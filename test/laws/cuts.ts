/** Between two cuts of one way to cut. */
const STRIDE = 61

/** Ways to cut bytes such that each place between two bytes is cut in one of them; and a cut at every place. */
export function everyCut (bytes: Buffer): Buffer[][] {
  const ways = Array.from({ length: STRIDE }, (_, first) => pieces(bytes, first, STRIDE))
  return [...ways, pieces(bytes, 1, 1)]
}

function pieces (bytes: Buffer, first: number, size: number): Buffer[] {
  const chunks = [bytes.subarray(0, first)]
  for (let at = first; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return chunks
}
