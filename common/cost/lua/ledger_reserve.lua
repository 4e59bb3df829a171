-- Hold an amount when it fits into every budget that concerns its user and project.
--
-- KEYS  budgets, held, spent, then what was spent on each of some days
-- ARGV  now, reservation, amount, when it expires, user, project, pieces, budgets
--       of each piece of a period: period (1 day, 2 week, 3 month), its day (1: the first of KEYS),
--                                  first and last quarter of an hour (-1: the whole day)
--       of each budget that may be there: its field, period (4: total), whose, user, project
-- Returns {"ok"} or {"full", which budget, its amount, spent, reserved}.
--
-- Numbers are exact below 2^53, and no budget is above.

local PIECE, BUDGET = 4, 5
local now, amount = tonumber(ARGV[1]), tonumber(ARGV[3])
local pieces, budgets = tonumber(ARGV[7]), tonumber(ARGV[8])

local function spent(period, whose)
	if period == 4 then
		return tonumber(redis.call('HGET', KEYS[3], whose) or 0)
	end
	local sum = 0
	for i = 0, pieces - 1 do
		local at = 8 + i * PIECE
		if tonumber(ARGV[at + 1]) == period then
			local key, first = KEYS[3 + tonumber(ARGV[at + 2])], tonumber(ARGV[at + 3])
			local fields = {}
			if first < 0 then
				fields[1] = whose
			else
				for q = first, tonumber(ARGV[at + 4]) do
					fields[#fields + 1] = q .. whose
				end
			end
			for _, v in ipairs(redis.call('HMGET', key, unpack(fields))) do
				sum = sum + tonumber(v or 0)
			end
		end
	end
	return sum
end

local held = redis.call('HGETALL', KEYS[2])
local old = {}

local function reserved(user, project)
	local sum = 0
	for i = 1, #held, 2 do
		local expires, part, u, p = string.match(held[i + 1], '^(%d+)\n(%d+)\n([^\n]*)\n([^\n]*)$')
		if tonumber(expires) > now and (user == 'null' or user == u) and (project == 'null' or project == p) then
			sum = sum + tonumber(part)
		end
	end
	return sum
end

for i = 0, budgets - 1 do
	local at = 8 + pieces * PIECE + i * BUDGET
	local limit = redis.call('HGET', KEYS[1], ARGV[at + 1])
	if limit then
		local so_far = spent(tonumber(ARGV[at + 2]), ARGV[at + 3])
		local waiting = reserved(ARGV[at + 4], ARGV[at + 5])
		if so_far + waiting + amount > tonumber(limit) then
			return {'full', i, limit, string.format('%.0f', so_far), string.format('%.0f', waiting)}
		end
	end
end

for i = 1, #held, 2 do
	if tonumber(string.match(held[i + 1], '^%d+')) <= now then
		old[#old + 1] = held[i]
	end
end
for _, id in ipairs(old) do
	redis.call('HDEL', KEYS[2], id)
end
redis.call('HSET', KEYS[2], ARGV[2], table.concat({ARGV[4], ARGV[3], ARGV[5], ARGV[6]}, '\n'))
return {'ok'}
