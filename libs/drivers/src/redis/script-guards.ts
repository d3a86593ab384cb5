/** What our Lua scripts begin with: nothing is rolled back, so no command of a script may fail half-way. */

/** Lua can hand on a few thousand values at once. */
export const LUA_VALUES_MAX = 1_000;

/**
 * `refusal` tells of keys of another type, and of commands that the user may not run, before anything is written; from
 * Redis 7 on, since those before can't be asked. Numbers are written as they came: Lua would print a large one as 1.79e+12.
 */
export const GUARDS = `
local function refusal(kinds, commands)
  for _, command in ipairs(redis.acl_check_cmd and commands or {}) do
    if not redis.acl_check_cmd(unpack(command)) then
      return redis.error_reply("NOPERM this user has no permissions to run the '" .. string.lower(command[1]) .. "' command on " .. command[2])
    end
  end
  for i, key in ipairs(KEYS) do
    if redis.acl_check_cmd and not redis.acl_check_cmd('TYPE', key) then
      return redis.error_reply("NOPERM this user has no permissions to run the 'type' command on " .. key)
    end
    local kind = redis.call('TYPE', key).ok
    if kind ~= 'none' and kind ~= kinds[i] then
      return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. kind .. ', not a ' .. kinds[i])
    end
  end
end
-- The arguments from one index to another, in as many calls as it takes.
local function write(command, key, from, to)
  for at = from, to, ${LUA_VALUES_MAX} do
    redis.call(command, key, unpack(ARGV, at, math.min(at + ${LUA_VALUES_MAX - 1}, to)))
  end
end
`;
