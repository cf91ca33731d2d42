import { script } from './script.ts'

/**
 * Where counters stand.
 *
 * KEYS: meta, then a counter each. ARGV: epoch, source, whether all sources must be in, then kind and span each.
 * Answers `epoch`, `seed` as reserve does, or `levels`, 0, and level and reset each.
 */
export const levels = script('levels', `
local epoch = ARGV[1]
if redis.call('HGET', META, 'epoch') ~= epoch then return { 'epoch' } end
local answer, missing = { 'levels', 0 }, { 'seed' }
for i = 1, #KEYS - 1 do
  local kind, span = ARGV[2 + i * 2], tonumber(ARGV[3 + i * 2])
  local c = read(KEYS[1 + i], epoch, ARGV[2])
  if kind ~= 'held' and not (c and c.mine and (c.all or ARGV[3] == '')) then missing[#missing + 1] = i - 1 end
  c = c or { u = 0, e = 0 }
  local reset = 0
  if kind == 'calendar' then reset = span < 0 and -1 or math.max(0, span - now) end
  if kind == 'length' and c.e > now then reset = c.e - now end
  answer[#answer + 1] = kind == 'length' and c.e <= now and 0 or c.u
  answer[#answer + 1] = reset
end
return #missing > 1 and missing or answer
`)
