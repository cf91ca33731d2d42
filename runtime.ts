/**
 * Imported first, and alone, by every entry: on a Node too old for the rest it says so in one line. Nothing here may
 * be newer than the Node it complains about.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`llm-gateway needs Node 22.18 or newer, and this is ${process.versions.node}. npm run and npx use the right one: npm start`)
  process.exit(1)
}
