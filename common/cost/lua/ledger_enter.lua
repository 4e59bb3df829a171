-- Enter calls, and change reservations with them: all of it or nothing.
--
-- KEYS  ids, days, guard, spent, held, then for each day its rows, sums and spent
-- ARGV  calls, changes
--       of each call:   day (1: the first of KEYS), the day itself, quarter of an hour, "=" and the request
--                       id ("": none), row, group, user, project, unknown, input, cached, output, cost ("":
--                       not known), saved
--       of each change: reservation, what is taken off it ("": it is given back), when it expires then
-- Returns {"ok", a 1 or 0 for each call: was it entered?}, {"none", reservation} or {"full"}.

local CALL, CHANGE = 14, 3
local calls, changes = tonumber(ARGV[1]), tonumber(ARGV[2])
local behind = 2 + calls * CALL

for i = 0, changes - 1 do
	local id = ARGV[behind + i * CHANGE + 1]
	if redis.call('HEXISTS', KEYS[5], id) == 0 then
		return {'none', id}
	end
end

-- Which are new? And would everything that was ever entered still fit into a sum?
local counters = {'input', 'cached', 'output', 'cost', 'saved'}
local all = redis.call('HMGET', KEYS[3], unpack(counters))
local fresh, seen = {}, {}
for i = 1, calls do
	local at = 2 + (i - 1) * CALL
	local id = ARGV[at + 4]
	fresh[i] = '1'
	if id ~= '' and (seen[id] or redis.call('SISMEMBER', KEYS[1], string.sub(id, 2)) == 1) then
		fresh[i] = '0'
	else
		seen[id] = true
		for k = 1, #counters do
			all[k] = (tonumber(all[k] or 0)) + math.abs(tonumber(ARGV[at + 9 + k]) or 0)
			if all[k] > 4611686018427387904 then
				return {'full'}
			end
		end
	end
end

-- What is added to a hash is summed up before. Numbers are exact below 2^53: larger ones, which no
-- honest call has, are added one by one, as text.
local sums = {}
local function count(key, field, amount)
	local n = tonumber(amount) or 0
	if math.abs(n) > 549755813888 then
		redis.call('HINCRBY', key, field, amount)
	elseif n ~= 0 then
		local of_key = sums[key] or {}
		sums[key] = of_key
		of_key[field] = (of_key[field] or 0) + n
	end
end

-- Members that are added to a set or a list, some at a time.
local members = {}
local function add(command, key, member)
	local waiting = members[key] or {}
	members[key] = waiting
	waiting[#waiting + 1] = member
	if #waiting == 100 then
		redis.call(command, key, unpack(waiting))
		members[key] = nil
	end
end

local entered, days, lists = false, {}, {}
for i = 1, calls do
	if fresh[i] == '1' then
		local at = 2 + (i - 1) * CALL
		local first = 5 + (tonumber(ARGV[at + 1]) - 1) * 3
		local rows, of_day, spent = KEYS[first + 1], KEYS[first + 2], KEYS[first + 3]
		local day, quarter, id, group = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 6]
		local user, project, cost = ARGV[at + 7], ARGV[at + 8], ARGV[at + 13]

		entered = true
		if id ~= '' then
			add('SADD', KEYS[1], string.sub(id, 2))
		end
		if not days[day] then
			redis.call('ZADD', KEYS[2], day, day)
			days[day] = true
		end
		lists[rows] = true
		add('RPUSH', rows, ARGV[at + 5])
		count(of_day, 'n' .. group, '1')
		count(of_day, 'u' .. group, ARGV[at + 9])
		count(of_day, 'i' .. group, ARGV[at + 10])
		count(of_day, 'c' .. group, ARGV[at + 11])
		count(of_day, 'o' .. group, ARGV[at + 12])
		count(of_day, '$' .. group, cost)
		count(of_day, 's' .. group, ARGV[at + 14])
		local concerned = {'[null,null]'}
		if user ~= 'null' then
			concerned[#concerned + 1] = '[' .. user .. ',null]'
		end
		if project ~= 'null' then
			concerned[#concerned + 1] = '[null,' .. project .. ']'
		end
		if user ~= 'null' and project ~= 'null' then
			concerned[#concerned + 1] = '[' .. user .. ',' .. project .. ']'
		end
		for _, whose in ipairs(concerned) do
			count(KEYS[4], whose, cost)
			count(spent, whose, cost)
			count(spent, quarter .. whose, cost)
		end
	end
end
if members[KEYS[1]] then
	redis.call('SADD', KEYS[1], unpack(members[KEYS[1]]))
end
for key in pairs(lists) do
	if members[key] then
		redis.call('RPUSH', key, unpack(members[key]))
	end
end
for key, fields in pairs(sums) do
	for field, n in pairs(fields) do
		redis.call('HINCRBY', key, field, string.format('%.0f', n))
	end
end
if entered then
	local now = {}
	for k = 1, #counters do
		now[#now + 1] = counters[k]
		now[#now + 1] = string.format('%.0f', all[k])
	end
	redis.call('HSET', KEYS[3], unpack(now))
end

for i = 0, changes - 1 do
	local at = behind + i * CHANGE
	local id, less = ARGV[at + 1], ARGV[at + 2]
	local held = redis.call('HGET', KEYS[5], id)
	if not held or less == '' then
		redis.call('HDEL', KEYS[5], id)
	else
		local amount, rest = string.match(held, '^%d+\n(%d+)\n(.*)$')
		local left = math.max(0, tonumber(amount) - tonumber(less))
		redis.call('HSET', KEYS[5], id, string.format('%s\n%.0f\n%s', ARGV[at + 3], left, rest))
	end
end
return {'ok', table.concat(fresh)}
