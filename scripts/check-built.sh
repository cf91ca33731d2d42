#!/usr/bin/env bash
# The built entry and the command, run as a user would: they start on the right Node, and say so on a wrong one.
set -euo pipefail
cd "$(dirname "$0")/.."

npx node dist/cli.js --version
grep -q '"purl": "pkg:npm/undici@' dist/sbom.json || { echo 'dist/sbom.json does not name what the gateway needs'; exit 1; }

# As in the image: without the packages beside it. The gateway's log is for people there, so what makes it so is found too.
alone=$(mktemp -d)
trap 'rm -rf "$alone"' EXIT
cp -r dist package.json prices.json "$alone"
npx node "$alone/dist/cli.js" demo --once > /dev/null
# What V8 compiled is found again where the image puts it.
NODE_COMPILE_CACHE="$alone/cache" npx node "$alone/dist/cli.js" demo --once > /dev/null
diff <(ls "$alone/dist/cache") <(ls "$alone/cache")
said=$(KEYS_FILE="$alone/none.json" npx node "$alone/dist/server.js" 2>&1 || true)
[[ $said == llm-gateway:*none.json* && $said != *$'\n'* ]] || { echo "no keys file, and it said: $said"; exit 1; }
said=$(GATEWAY_PORT=none npx node "$alone/dist/server.js" 2>&1 || true)
[[ $said == llm-gateway:*GATEWAY_PORT* && $said != *$'\n'* ]] || { echo "no port, and it said: $said"; exit 1; }

# A Node that is too old, wherever this machine has one outside of the project.
for old in /usr/bin/node /usr/local/bin/node; do
  [ -x "$old" ] || continue
  "$old" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a < 22 || (a === 22 && b < 18) ? 0 : 1)' || continue
  for entry in dist/server.js dist/cli.js; do
    if said=$("$old" "$entry" 2>&1); then echo "$entry started on an old Node"; exit 1; fi
    [ "$(printf '%s\n' "$said" | wc -l)" -eq 1 ] || { echo "$entry said more than one line: $said"; exit 1; }
    echo "$said"
  done
done
