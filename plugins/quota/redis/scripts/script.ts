import { scriptOf, type Script } from '../../../redis/script.ts'
import { PREFIX } from '../keys.ts'

/** Whole numbers up to 2^53 are exact in Lua's doubles; only its own way of writing them is not, above 10^14. */
const common = `
local P = '${PREFIX}'
local META, OWNERS = P .. 'meta', P .. 'owners'
local KEPT = 8 * 86400000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- Without the sign that a zero may have.
local function whole (n) return string.format('%.0f', n + 0) end
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

export function script (name: string, body: string): Script {
  return scriptOf(name, common + body)
}
