import { script } from './script.ts'

/**
 * A gateway's messages, in order, each once: those up to the last one that was applied are passed over.
 *
 * KEYS: meta, owners, holds, applied. ARGV: epoch, source, owner, lease, number of the first, then a message each, as JSON
 * (see ../messages.ts). Answers `epoch`, or `applied`, writes, and what was wrong
 * with a message, if something was: it is not to hold up those behind it.
 */
export const apply = script('apply', `
local epoch, source, owner, first = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5])
if redis.call('HGET', META, 'epoch') ~= epoch then return { 'epoch' } end
-- First of all: where Redis has no room, this fails, and nothing is half done.
local writes, wrong = wrote(), nil
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
    local done, error = pcall(does[m[1]], m)
    if not done then wrong = m[1] .. ': ' .. tostring(type(error) == 'table' and error.err or error) end
  end
end
redis.call('SET', KEYS[4], whole(math.max(applied, first + #ARGV - 6)), 'PX', KEPT)
redis.call('ZADD', OWNERS, 'NX', whole(now + tonumber(ARGV[4])), owner)
return { 'applied', writes, wrong }
`)
