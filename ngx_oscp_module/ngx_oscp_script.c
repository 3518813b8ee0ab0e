/*
 * The Lua of the server-side scripts.
 */

#include "ngx_oscp_script.h"


/*
 * What an operator has closed is looked up once in a batch: nothing can change
 * in between.  The `seen` key is written first and taken back when the entry
 * cannot be added, so that no retry is ever taken for a duplicate of something
 * that was not stored.
 */
const ngx_str_t  ngx_oscp_script_ingest = ngx_string(
    "local call, stream, limit = redis.call, KEYS[1], tonumber(ARGV[1])\n"
    "local waiting = call('XLEN', stream)\n"
    "local closed, replies = {}, {}\n"
    "\n"
    "for i = 1, (#KEYS - 1) / 3 do\n"
    "    local conn, group, seen = unpack(KEYS, 3 * i - 1, 3 * i + 1)\n"
    "    local a = 8 * i - 6\n"
    "    local reply\n"
    "\n"
    "    if closed[conn] == nil then\n"
    "        local c = call('HMGET', conn, 'state', 'enabled')\n"
    "        closed[conn] = c[1] == 'disabled' or c[1] == 'disconnected'\n"
    "                       or c[2] == '0'\n"
    "    end\n"
    "    if closed[group] == nil then\n"
    "        closed[group] = call('HGET', group, 'enabled') == '0'\n"
    "    end\n"
    "\n"
    "    if closed[conn] or closed[group] then\n"
    "        reply = 'refused'\n"
    "    elseif waiting >= limit then\n"
    "        reply = call('EXISTS', seen) == 1 and 'duplicate'\n"
    "                or 'backlog'\n"
    "    elseif not call('SET', seen, '1', 'NX', 'EX', '86400') then\n"
    "        reply = 'duplicate'\n"
    "    else\n"
    "        reply = redis.pcall('XADD', stream, '*', 'conn', ARGV[a],\n"
    "                            'msg', ARGV[a + 1], 'group', ARGV[a + 2],\n"
    "                            'req', ARGV[a + 3], 'corr', ARGV[a + 4],\n"
    "                            'seg', ARGV[a + 5], 'at', ARGV[a + 6],\n"
    "                            'body', ARGV[a + 7])\n"
    "        if type(reply) == 'table' then\n"
    "            call('DEL', seen)\n"
    "            reply = 'failed'\n"
    "        else\n"
    "            waiting = waiting + 1\n"
    "        end\n"
    "    end\n"
    "\n"
    "    replies[i] = reply\n"
    "end\n"
    "\n"
    "return replies\n"
);


/*
 * The version speaks for the content, the number of fields for its being
 * whole: a hash that lost a field is written again.
 */
const ngx_str_t  ngx_oscp_script_publish = ngx_string(
    "local key = KEYS[1]\n"
    "\n"
    "if redis.call('HGET', key, 'version') == ARGV[1]\n"
    "   and redis.call('HLEN', key) == (#ARGV - 2) / 2 + 2\n"
    "then\n"
    "    return 0\n"
    "end\n"
    "\n"
    "redis.call('DEL', key)\n"
    "redis.call('HSET', key, 'version', ARGV[1], 'shards', ARGV[2])\n"
    "for i = 3, #ARGV, 2 do\n"
    "    redis.call('HSET', key, ARGV[i], ARGV[i + 1])\n"
    "end\n"
    "\n"
    "return 1\n"
);
