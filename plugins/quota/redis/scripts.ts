import { createHash } from 'node:crypto'
import { PREFIX } from './keys.ts'

/** A Lua script: one atomic step. Redis knows it by its digest. */
export interface Script { name: string, sha: string, source: string }

/** Whole numbers up to 2^53 are exact in Lua's doubles; only its own way of writing them is not, above 10^14. */
const common = `
local P = '${PREFIX}'
local META, OWNERS = P .. 'meta', P .. 'owners'
local KEPT = 8 * 86400000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function whole (n) return string.format('%.0f', n) end
local function wrote () return redis.call('HINCRBY', META, 'writes', 1) end

-- What was written under another epoch is of data that is no more, or older than what gateways have seen.
local function read (key, epoch, source)
  local f = redis.call('HMGET', key, 'p', 'u', 'e', 'w', 'o:' .. source, 'all')
  if f[1] ~= epoch then return nil end
  return { u = tonumber(f[2]), e = tonumber(f[3]), w = f[4], mine = f[5], all = f[6] }
end

local function begin (key, epoch, kind, span)
  redis.call('DEL', key)
  redis.call('HSET', key, 'p', epoch, 'u', 0, 'e', 0, 'w', '', 'n', 0)
  if kind == 'length' then
    redis.call('PEXPIRE', key, whole(span + KEPT))
  elseif kind == 'calendar' and span >= 0 then
    redis.call('PEXPIREAT', key, whole(math.max(now, span) + KEPT))
  end
end

-- A window of a length begins. Nothing is known of it once it has been over for days, and then it is asked for again.
local function open (key, span, used, ends, window, holds)
  redis.call('HSET', key, 'u', whole(used), 'e', whole(ends), 'w', window, 'n', holds)
  redis.call('PEXPIRE', key, whole(span + KEPT))
end

-- What was used outside of this Redis, age ms ago.
local function add (key, c, kind, span, used, age, window)
  if used <= 0 then return end
  if kind == 'calendar' then
    redis.call('HINCRBY', key, 'u', whole(used))
  elseif kind == 'length' and age < span then
    local ends = now - age + span
    if c.e > now then
      redis.call('HSET', key, 'u', whole(c.u + used), 'e', whole(math.min(c.e, ends)))
    else
      open(key, span, used, ends, window, 0)
    end
  end
end
`

function script (name: string, body: string): Script {
  const source = common + body
  return { name, source, sha: createHash('sha1').update(source).digest('hex') }
}

/**
 * A gateway says that it lives, and hears which data this is. A new epoch begins where there is none (Redis is empty), and
 * where Redis was restarted with data older than what this gateway has seen: what it held then is not to be trusted.
 * Answers the epoch, writes, and Redis' time.
 *
 * ARGV: owner, lease, an epoch in case, Redis' run; then the epoch, run and number of writes that the gateway knows.
 */
export const hello = script('hello', `
local owner, lease, fresh, run = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local m = redis.call('HMGET', META, 'epoch', 'run', 'base', 'writes')
local epoch, base, writes = m[1], tonumber(m[3]), tonumber(m[4])
if epoch and m[2] ~= run then
  base = writes
  redis.call('HSET', META, 'run', run, 'base', whole(base))
end
local stale = epoch == ARGV[5] and run ~= ARGV[6] and tonumber(ARGV[7]) > (base or 0)
if not epoch or stale then
  for _, other in ipairs(redis.call('ZRANGE', OWNERS, 0, -1)) do redis.call('DEL', P .. 'holds:' .. other) end
  redis.call('DEL', OWNERS)
  epoch, writes = fresh, 0
  redis.call('HSET', META, 'epoch', epoch, 'run', run, 'base', 0, 'writes', 0)
end
redis.call('ZADD', OWNERS, whole(now + lease), owner)
return { epoch, writes, now }
`)

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
local function holdOf (d, output) return math.max(0, math.ceil(d.base + output * d.each - 1e-4)) end
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

/**
 * A gateway's messages, in order, each once: those up to the last one that was applied are passed over.
 *
 * KEYS: meta, owners, holds, applied. ARGV: epoch, source, owner, lease, number of the first, then a message each, as JSON
 * (see messages.ts). Answers `epoch`, or `applied` and writes.
 */
export const apply = script('apply', `
local epoch, source, owner, first = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5])
if redis.call('HGET', META, 'epoch') ~= epoch then return { 'epoch' } end
local HOLDS = KEYS[3]
local does = {}

-- id, used …
function does.settle (m)
  local packed = redis.call('HGET', HOLDS, m[2])
  if not packed then return end
  redis.call('HDEL', HOLDS, m[2])
  for i, h in ipairs(cmsgpack.unpack(packed)) do
    local key, kind, held, window = P .. h[1], h[2], h[3], h[4]
    local c, used = read(key, epoch, source), m[2 + i] or 0
    if c and kind == 'held' then
      redis.call('HINCRBY', key, 'u', whole(-held))
    elseif c and kind == 'calendar' then
      redis.call('HINCRBY', key, 'u', whole(used - held))
    elseif c and c.w == window and c.e > now then
      local left = redis.call('HINCRBY', key, 'n', -1)
      -- A window begins with the first request that counts: one that was given back opened none.
      if redis.call('HINCRBY', key, 'u', whole(used - held)) == 0 and left <= 0 then redis.call('HSET', key, 'e', 0) end
    end
  end
end

-- id: a reservation of which no answer came. Should it still come, it finds that it is gone.
function does.cancel (m)
  if redis.call('HEXISTS', HOLDS, m[2]) == 1 then return does.settle(m) end
  redis.call('SET', P .. 'gone:' .. m[2], 1, 'PX', 600000)
end

-- counter, kind, span, what its own rows say, age; whether these are all; then source, used, age of each other
function does.share (m)
  local key, kind, span = P .. 'counter:' .. m[2], m[3], m[4]
  local function take (from, used, age)
    local f = redis.call('HMGET', key, 'o:' .. from, 's:' .. from)
    if f[1] then return end
    if from == source then redis.call('HSET', key, 'o:' .. from, 1) end
    local more = used - (tonumber(f[2] or '') or 0)
    if more <= 0 then return end
    redis.call('HSET', key, 's:' .. from, whole(used))
    add(key, read(key, epoch, source), kind, span, more, age, from .. ':' .. whole(now))
  end
  if not read(key, epoch, source) then begin(key, epoch, kind, span) end
  for i = 8, #m, 3 do take(m[i], m[i + 1], m[i + 2]) end
  take(source, m[5], m[6])
  if m[7] == 1 then redis.call('HSET', key, 'all', 1) end
end

-- counter, kind, span, used, age, window: used while apart. What has no share of this gateway's yet will have it from there.
function does.merge (m)
  local key = P .. 'counter:' .. m[2]
  local c = read(key, epoch, source)
  if c and c.mine then add(key, c, m[3], m[4], m[5], m[6], m[7]) end
end

-- id, then counter, kind, span, held, ms left of the window each: a hold that this Redis does not know
function does.hold (m)
  if redis.call('HEXISTS', HOLDS, m[2]) == 1 then return end
  local held = {}
  for i = 3, #m, 5 do
    local name, kind, span, amount, left, window = 'counter:' .. m[i], m[i + 1], m[i + 2], m[i + 3], m[i + 4], ''
    local key = P .. name
    local c = read(key, epoch, source)
    if not c then begin(key, epoch, kind, span); c = { u = 0, e = 0, w = '' } end
    if kind ~= 'length' then
      redis.call('HINCRBY', key, 'u', whole(amount))
    elseif left > 0 and c.e > now then
      window = c.w
      redis.call('HSET', key, 'u', whole(c.u + amount), 'e', whole(math.min(c.e, now + left)))
      redis.call('HINCRBY', key, 'n', 1)
    elseif left > 0 then
      window = m[2]
      open(key, span, amount, now + left, window, 1)
    end
    held[#held + 1] = { name, kind, amount, window }
  end
  redis.call('HSET', HOLDS, m[2], cmsgpack.pack(held))
end

local applied = tonumber(redis.call('GET', KEYS[4]) or '0')
for i = 6, #ARGV do
  local number = first + i - 6
  if number > applied then
    local m = cjson.decode(ARGV[i])
    does[m[1]](m)
  end
end
redis.call('SET', KEYS[4], whole(math.max(applied, first + #ARGV - 6)), 'PX', KEPT)
redis.call('ZADD', OWNERS, 'NX', whole(now + tonumber(ARGV[4])), owner)
return { 'applied', wrote() }
`)

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

/**
 * Holds of gateways that live no more stay charged as they are; what they held of parallel requests is free again.
 *
 * KEYS: meta, owners. ARGV: epoch, most holds in one step, Redis' time when it was sent. Answers `epoch`, or `swept`, writes,
 * how many, and whether there are more.
 */
export const sweep = script('sweep', `
local epoch, room, swept = ARGV[1], tonumber(ARGV[2]), 0
if redis.call('HGET', META, 'epoch') ~= epoch then return { 'epoch' } end
-- Redis stood still: gateways may have said that they live, and it has not read it yet.
if now - tonumber(ARGV[3]) > 2000 then return { 'swept', 0, 0, 0 } end
for _, owner in ipairs(redis.call('ZRANGEBYSCORE', OWNERS, '-inf', whole(now), 'LIMIT', 0, 100)) do
  local HOLDS = P .. 'holds:' .. owner
  while swept < room and redis.call('EXISTS', HOLDS) == 1 do
    local page = redis.call('HRANDFIELD', HOLDS, math.min(50, room - swept), 'WITHVALUES')
    for i = 1, #page, 2 do
      for _, h in ipairs(cmsgpack.unpack(page[i + 1])) do
        local key = P .. h[1]
        local c = read(key, epoch, '')
        if c and h[2] == 'held' then redis.call('HINCRBY', key, 'u', whole(-h[3])) end
        if c and h[2] == 'length' and c.w == h[4] then redis.call('HINCRBY', key, 'n', -1) end
      end
      redis.call('HDEL', HOLDS, page[i])
      swept = swept + 1
    end
  end
  if swept >= room then return { 'swept', wrote(), swept, 1 } end
  redis.call('ZREM', OWNERS, owner)
end
return { 'swept', swept > 0 and wrote() or 0, swept, 0 }
`)
