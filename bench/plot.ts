/** Bars as SVG: readable on light and dark pages alike, and without any script. */

export interface Bar { label: string, value: number, note: string, highlighted: boolean }

const WIDTH = 720
const LABELS = 150
const NOTES = 170
const BAR = 22
const GAP = 10
const TOP = 44

/** Widths grow with the logarithm where one value would dwarf the others. */
export function barChart (title: string, bars: Bar[]): string {
  const most = Math.max(...bars.map(({ value }) => value))
  const least = Math.min(...bars.map(({ value }) => value))
  const logarithmic = most / least > 20
  const room = WIDTH - LABELS - NOTES
  const width = (value: number): number => room * (logarithmic ? Math.log(value / least * 2) / Math.log(most / least * 2) : value / most)
  const height = TOP + bars.length * (BAR + GAP)
  const rows = bars.map(({ label, value, note, highlighted }, index) => {
    const y = TOP + index * (BAR + GAP)
    return `  <text x="${LABELS - 10}" y="${y + 16}" text-anchor="end">${escape(label)}</text>
  <rect x="${LABELS}" y="${y}" width="${width(value).toFixed(1)}" height="${BAR}" rx="3" fill="${highlighted ? '#2f81f7' : '#8b949e'}"/>
  <text x="${(LABELS + width(value) + 8).toFixed(1)}" y="${y + 16}">${escape(note)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(title)}">
  <style>text { font: 14px system-ui, sans-serif; fill: #57606a } .title { font-weight: 600 } @media (prefers-color-scheme: dark) { text { fill: #adbac7 } }</style>
  <text class="title" x="0" y="20">${escape(title)}${logarithmic ? ' (logarithmic)' : ''}</text>
${rows.join('\n')}
</svg>
`
}

function escape (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
