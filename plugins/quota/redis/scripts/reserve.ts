import { DRY } from '../../memory.ts'
import { script } from './script.ts'

/**
 * Reservations, one after the other: each reserves all of its demands, or none.
 *
 * KEYS: meta, owners, holds, then for each reservation gone and a counter a demand. ARGV: epoch, source, owner, lease, whether
 * all sources must be in; then for each reservation id, least and most output, how many demands; and a demand each: kind,
 * span, base, each, limit, dry. Answers `epoch`, or `answers`, writes, and for each reservation one of
 * `gone`; `seed` and the demands whose counters lack something; `refused`, the demand, and for each level and reset;
 * or `granted`, output, and for each demand level, reset, held, window, exceeded.
 */
export const reserve = script('reserve', `
local epoch, source, owner = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HGET', META, 'epoch') ~= epoch then return { 'epoch' } end
local counters, granted = {}, {}

local function find (key, kind)
  local c = counters[key]
  if c then return c end
  c = read(key, epoch, source)
  if not c then c = { u = 0, e = 0, new = true } end
  if kind == 'length' and c.e <= now then c.u, c.e = 0, 0 end
  c.more, c.holds = 0, 0
  counters[key] = c
  return c
end
local function holdOf (d, output)
  local hold = math.max(0, math.ceil(d.base + output * d.each - 1e-4))
  return d.dry and math.min(hold, ${DRY}) or hold
end
local function fits (d, output) return d.limit > 0 and holdOf(d, output) <= d.limit - d.c.u end
local function resetOf (d)
  if d.kind == 'held' then return 0 end
  if d.kind == 'calendar' then return d.span < 0 and -1 or math.max(0, d.span - now) end
  return math.max(0, d.c.e - now)
end

-- Written once all are judged: many are of the same counters. @returns which window it counts in
local function take (d, id)
  local c = d.c
  c.d, c.u, c.more, c.holds = d, c.u + d.held, c.more + d.held, c.holds + 1
  if d.kind ~= 'length' then return '' end
  if c.e <= now then c.e, c.w, c.opened = now + d.span, id, true end
  return c.w
end

local function write (key, c)
  if c.opened then return open(key, c.d.span, c.u, c.e, c.w, c.holds) end
  if c.new then begin(key, epoch, c.d.kind, c.d.span) end
  redis.call('HINCRBY', key, 'u', whole(c.more))
  if c.d.kind == 'length' then redis.call('HINCRBY', key, 'n', c.holds) end
end

local function try (id, gone, demands, least, most)
  local missing = { 'seed' }
  for i, d in ipairs(demands) do
    local c = d.c
    if d.kind ~= 'held' and not (c.mine and (c.all or ARGV[5] == '')) then missing[#missing + 1] = i - 1 end
  end
  if #missing > 1 then return missing end
  for i, d in ipairs(demands) do
    if not d.dry and not fits(d, least) then
      local answer = { 'refused', i - 1 }
      for _, each in ipairs(demands) do
        answer[#answer + 1] = each.c.u
        answer[#answer + 1] = resetOf(each)
      end
      return answer
    end
  end
  -- Given up meanwhile: nobody reads this answer.
  if redis.call('EXISTS', gone) == 1 then return { 'gone' } end
  local output = most
  for _, d in ipairs(demands) do
    if not d.dry and d.each ~= 0 and not fits(d, output) then
      output = math.max(least, math.min(output, math.floor((d.limit - d.c.u - d.base) / d.each)))
      if output > least and not fits(d, output) then output = output - 1 end
    end
  end
  local held = {}
  for _, d in ipairs(demands) do d.held, d.exceeded = holdOf(d, output), fits(d, least) and 0 or 1 end
  for i, d in ipairs(demands) do
    d.window = take(d, id)
    held[i] = { string.sub(d.key, #P + 1), d.kind, d.held, d.window }
  end
  granted[#granted + 1] = id
  granted[#granted + 1] = cmsgpack.pack(held)
  local answer = { 'granted', output }
  for _, d in ipairs(demands) do
    answer[#answer + 1] = d.c.u
    answer[#answer + 1] = resetOf(d)
    answer[#answer + 1] = d.held
    answer[#answer + 1] = d.window
    answer[#answer + 1] = d.exceeded
  end
  return answer
end

local answers, k, a = { 'answers', 0 }, 3, 5
while a < #ARGV do
  local id, least, most, count = ARGV[a + 1], tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4])
  local gone, demands = KEYS[k + 1], {}
  for i = 1, count do
    local key, at = KEYS[k + 1 + i], a + 4 + (i - 1) * 6
    demands[i] = {
      key = key, kind = ARGV[at + 1], span = tonumber(ARGV[at + 2]), base = tonumber(ARGV[at + 3]),
      each = tonumber(ARGV[at + 4]), limit = tonumber(ARGV[at + 5]), dry = ARGV[at + 6] == '1', c = find(key, ARGV[at + 1])
    }
  end
  answers[#answers + 1] = try(id, gone, demands, least, most)
  k, a = k + 1 + count, a + 4 + count * 6
end
if #granted > 0 then
  for key, c in pairs(counters) do if c.holds > 0 then write(key, c) end end
  redis.call('HSET', KEYS[3], unpack(granted))
  redis.call('ZADD', OWNERS, 'NX', whole(now + tonumber(ARGV[4])), owner)
  answers[2] = wrote()
end
return answers
`)
