/*
 * The Lua of the server-side scripts.
 */

#include "ngx_oscp_script.h"


/*
 * What an operator has closed is looked up once in a batch: nothing can change
 * in between.  The verdicts are left for the second script only when not all
 * messages pass, and before anything that could fail has been done: whatever
 * goes wrong here, nothing that was not judged stays in the stream.
 */
const ngx_str_t  ngx_oscp_script_judge = ngx_string(
    "local call, stream, verdicts = redis.call, KEYS[1], KEYS[2]\n"
    "local n, limit = (#KEYS - 2) / 3, tonumber(ARGV[1])\n"
    "local closed, replies, good = {}, {}, 0\n"
    "\n"
    "local function judge(waiting, i)\n"
    "    local conn, group, seen = unpack(KEYS, 3 * i, 3 * i + 2)\n"
    "    if closed[conn] == nil then\n"
    "        local c = call('HMGET', conn, 'state', 'enabled')\n"
    "        closed[conn] = c[1] == 'disabled' or c[1] == 'disconnected'\n"
    "                       or c[2] == '0'\n"
    "    end\n"
    "    if closed[group] == nil then\n"
    "        closed[group] = call('HGET', group, 'enabled') == '0'\n"
    "    end\n"
    "    if closed[conn] or closed[group] then return 'refused' end\n"
    "    if waiting + good >= limit then\n"
    "        return call('EXISTS', seen) == 1 and 'duplicate' or 'backlog'\n"
    "    end\n"
    "    if not call('SET', seen, '1', 'NX', 'EX', '86400') then\n"
    "        return 'duplicate'\n"
    "    end\n"
    "    good = good + 1\n"
    "    return ''\n"
    "end\n"
    "\n"
    "local ok, err = pcall(function()\n"
    "    local waiting = call('XLEN', stream)\n"
    "    for i = 1, n do replies[i] = judge(waiting, i) end\n"
    "end)\n"
    "if not ok then\n"
    "    for i = 1, n do\n"
    "        if replies[i] == '' then call('DEL', KEYS[3 * i + 2]) end\n"
    "        replies[i] = 'failed'\n"
    "    end\n"
    "end\n"
    "if good < n or not ok then\n"
    "    call('SET', verdicts, table.concat(replies, ' '))\n"
    "end\n"
    "return replies\n"
);


/*
 * All samples of a request share its verdict, which stands in the list once for
 * each of them, so that the second script can count.
 */
const ngx_str_t  ngx_oscp_script_judge_samples = ngx_string(
    "local call, stream, verdicts = redis.call, KEYS[1], KEYS[2]\n"
    "local n, limit = #ARGV - 1, tonumber(ARGV[1])\n"
    "local requests, replies, remembered = {}, {}, {}\n"
    "local key, good = 3, 0\n"
    "\n"
    "for i = 1, n do\n"
    "    local samples, groups, named =\n"
    "        string.match(ARGV[i + 1], '(%d+) (%d+) (%d)')\n"
    "    requests[i] = { samples = tonumber(samples), conn = KEYS[key],\n"
    "                    seen = named == '1' and KEYS[key + 1],\n"
    "                    first = key + 2, last = key + 1 + groups }\n"
    "    key = key + 2 + groups\n"
    "end\n"
    "\n"
    "local function judge(waiting, r)\n"
    "    local c = call('HMGET', r.conn, 'state', 'enabled')\n"
    "    if c[1] == 'disabled' or c[2] == '0' then return 'refused' end\n"
    "    for i = r.first, r.last do\n"
    "        if call('HGET', KEYS[i], 'enabled') == '0' then\n"
    "            return 'refused'\n"
    "        end\n"
    "    end\n"
    "    if r.seen and call('EXISTS', r.seen) == 1 then\n"
    "        return 'duplicate'\n"
    "    end\n"
    "    if waiting + good + r.samples > limit then return 'backlog' end\n"
    "    if r.seen then\n"
    "        call('SET', r.seen, '1', 'EX', '86400')\n"
    "        remembered[#remembered + 1] = r.seen\n"
    "    end\n"
    "    good = good + r.samples\n"
    "    return ''\n"
    "end\n"
    "\n"
    "local ok, err = pcall(function()\n"
    "    local waiting = call('XLEN', stream)\n"
    "    for i = 1, n do replies[i] = judge(waiting, requests[i]) end\n"
    "end)\n"
    "if not ok then\n"
    "    for _, seen in ipairs(remembered) do call('DEL', seen) end\n"
    "    for i = 1, n do replies[i] = 'failed' end\n"
    "end\n"
    "\n"
    "local words, bad = {}, false\n"
    "for i = 1, n do\n"
    "    bad = bad or replies[i] ~= ''\n"
    "    for _ = 1, requests[i].samples do\n"
    "        words[#words + 1] = replies[i]\n"
    "    end\n"
    "end\n"
    "if bad then call('SET', verdicts, table.concat(words, ' ')) end\n"
    "return replies\n"
);


/*
 * The newest entries are the batch's own: no other client came in between.
 */
const ngx_str_t  ngx_oscp_script_undo = ngx_string(
    "local verdicts = redis.call('GET', KEYS[2])\n"
    "if not verdicts then return 0 end\n"
    "redis.call('DEL', KEYS[2])\n"
    "local n, i, undone = tonumber(ARGV[1]), 0, 0\n"
    "local added = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', n)\n"
    "for verdict in string.gmatch(verdicts .. ' ', '(%a*) ') do\n"
    "    if verdict ~= '' then\n"
    "        undone = undone\n"
    "                 + redis.call('XDEL', KEYS[1], added[n - i][1])\n"
    "    end\n"
    "    i = i + 1\n"
    "end\n"
    "return undone\n"
);


/*
 * The version speaks for the content, the number of fields for its being
 * whole: a hash that lost a field is written again.
 */
const ngx_str_t  ngx_oscp_script_publish = ngx_string(
    "local key = KEYS[1]\n"
    "local shards = redis.call('HGET', key, 'shards')\n"
    "\n"
    "if shards and shards ~= ARGV[2] and redis.call('HLEN', key) > 2 then\n"
    "    return redis.error_reply('SHARDS oscp_shards is ' .. ARGV[2]\n"
    "        .. ', but what Redis holds was stored under ' .. shards\n"
    "        .. ': put that number back, or drop it as README says')\n"
    "end\n"
    "if ARGV[1] == '' then return 0 end\n"
    "\n"
    "local version = redis.call('HGET', key, 'version')\n"
    "if #ARGV == 3 then\n"
    "    if not version or not string.find(ARGV[3], version, 1, true) then\n"
    "        return 0\n"
    "    end\n"
    "elseif version == ARGV[1]\n"
    "       and redis.call('HLEN', key) == (#ARGV - 2) / 2 + 2\n"
    "then\n"
    "    return 0\n"
    "end\n"
    "\n"
    "redis.call('DEL', key)\n"
    "redis.call('HSET', key, 'version', ARGV[1], 'shards', ARGV[2])\n"
    "for i = 3, #ARGV - 1, 2 do\n"
    "    redis.call('HSET', key, ARGV[i], ARGV[i + 1])\n"
    "end\n"
    "\n"
    "return 1\n"
);
