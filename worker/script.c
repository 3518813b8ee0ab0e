/*
 * The Lua scripts that run inside Redis.  Their interfaces are in script.h.
 */

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "script.h"


#define SCRIPT_FENCE                                                          \
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then\n"                         \
    "  return redis.error_reply('FENCED the lease is not ours')\n"            \
    "end\n"


static char  script_shas[WORKER_SCRIPT_COUNT][WORKER_SCRIPT_SHA_SIZE];

static const char *const  script_texts[WORKER_SCRIPT_COUNT] = {

    [WORKER_SCRIPT_ACQUIRE] =
    "local stored = redis.call('HGET', KEYS[3], 'schema') or '1'\n"
    "local schema = tonumber(stored)\n"
    "if not schema or schema > tonumber(ARGV[5]) then\n"
    "  return redis.error_reply('SCHEMA ' .. stored)\n"
    "end\n"
    "local held = redis.call('GET', KEYS[1])\n"
    "local me = ARGV[1] .. ' '\n"
    "if held and held ~= ARGV[4] and string.sub(held, 1, #me) ~= me then\n"
    "  local first = redis.pcall('GET', KEYS[2])\n"
    "  first = type(first) == 'string' and first\n"
    "  local mine = first and string.sub(first, 1, #me) == me\n"
    "  if not first or (mine and (first ~= me .. ARGV[7]\n"
    "     or redis.call('PTTL', KEYS[2]) < ARGV[2] / 2)) or (not mine and\n"
    "     tonumber(ARGV[7]) < tonumber(string.match(first, '%d+$') or 0))\n"
    "  then\n"
    "    redis.pcall('SET', KEYS[2], me .. ARGV[7], 'PX', ARGV[2])\n"
    "  end\n"
    "  return {held, redis.call('PTTL', KEYS[1])}\n"
    "end\n"
    "local last = redis.call('HGET', KEYS[3], 'owner')\n"
    "if not held and ARGV[6] == '1' and last and last ~= ARGV[1]\n"
    "   and last ~= ARGV[4]\n"
    "then\n"
    "  return {last, -1}\n"
    "end\n"
    "local token = redis.call('HINCRBY', KEYS[3], 'lease_token', 1)\n"
    "local value = me .. token\n"
    "redis.call('SET', KEYS[1], value, 'PX', ARGV[2])\n"
    "redis.call('HSET', KEYS[3], 'owner', ARGV[1], 'owner_since', ARGV[3],\n"
    "           'schema', ARGV[5])\n"
    "return value\n",

    [WORKER_SCRIPT_RENEW] =
    SCRIPT_FENCE
    "return redis.call('PEXPIRE', KEYS[1], ARGV[2])\n",

    [WORKER_SCRIPT_RELEASE] =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then\n"
    "  return 0\n"
    "end\n"
    "return redis.call('DEL', KEYS[1])\n",

    /* a group that exists is the usual case, and its error no error */
    [WORKER_SCRIPT_OPEN] =
    SCRIPT_FENCE
    "local out = {redis.call('HGETALL', KEYS[2])}\n"
    "for k = 3, #KEYS do\n"
    "  local made = redis.pcall('XGROUP', 'CREATE', KEYS[k], ARGV[2], '0',\n"
    "                           'MKSTREAM')\n"
    "  if made.err and not string.find(made.err, 'BUSYGROUP') then\n"
    "    return made\n"
    "  end\n"
    "  local info = redis.call('XINFO', 'STREAM', KEYS[k])\n"
    "  for i = 1, #info, 2 do\n"
    "    if info[i] == 'last-generated-id' then\n"
    "      out[k - 1] = info[i + 1]\n"
    "    end\n"
    "  end\n"
    "end\n"
    "return out\n",

    [WORKER_SCRIPT_LOAD] =
    SCRIPT_FENCE
    "local out = {}\n"
    "for i = 2, #KEYS do\n"
    "  local kind = redis.call('TYPE', KEYS[i]).ok\n"
    "  if kind == 'hash' or kind == 'none' then\n"
    "    out[i - 1] = redis.call('HGETALL', KEYS[i])\n"
    "  else\n"
    "    redis.call('DEL', KEYS[i])\n"
    "    out[i - 1] = kind\n"
    "  end\n"
    "end\n"
    "return out\n",

    [WORKER_SCRIPT_TAKE] =
    SCRIPT_FENCE
    "local words, out, place = {}, {}, {}\n"
    "local n = #KEYS - 1\n"
    "for i = 1, n do\n"
    "  words[i], words[n + i] = KEYS[i + 1], ARGV[i + 3]\n"
    "  out[i], place[KEYS[i + 1]] = {}, i\n"
    "end\n"
    "local got = redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[2],\n"
    "                       'COUNT', ARGV[3], 'STREAMS', unpack(words))\n"
    "for _, stream in ipairs(got or {}) do\n"
    "  out[place[stream[1]]] = stream[2]\n"
    "end\n"
    "return out\n",

    /*
     * While a slot moves between the nodes of a cluster, touching a key that is
     * not there fails, in the middle of a script too, and what came before has
     * happened.  All keys are there when it begins, else it is refused: so none
     * may vanish before the last command.  What deletes comes at the end, and a
     * hash that is deleted and then written loses its other fields instead.
     */
    [WORKER_SCRIPT_COMMIT] =
    SCRIPT_FENCE
    "local i, n, last, gone = 2, 0, {}, {}\n"
    "local function rewrite(key, first, to)\n"
    "  local new, stale = {}, {}\n"
    "  for at = first, to, 2 do new[ARGV[at]] = true end\n"
    "  if redis.call('TYPE', key).ok == 'hash' then\n"
    "    local was = redis.call('HGETALL', key)\n"
    "    for at = 1, #was, 2 do\n"
    "      if not new[was[at]] then stale[#stale + 1] = was[at] end\n"
    "    end\n"
    "  else\n"
    "    redis.call('DEL', key)\n"
    "  end\n"
    "  redis.call('HSET', key, unpack(ARGV, first, to))\n"
    "  if #stale > 0 then redis.call('HDEL', key, unpack(stale)) end\n"
    "end\n"
    "while i <= #ARGV do\n"
    "  local to = i + tonumber(ARGV[i])\n"
    "  local name, key = ARGV[i + 1], ARGV[i + 2]\n"
    "  if name == 'DEL' then\n"
    "    gone[key] = true\n"
    "  elseif name == 'SREM' then\n"
    "    last[#last + 1] = {i + 1, to}\n"
    "  elseif not gone[key] then\n"
    "    redis.call(unpack(ARGV, i + 1, to))\n"
    "  elseif name == 'HSET' then\n"
    "    rewrite(key, i + 3, to)\n"
    "    gone[key] = nil\n"
    "  elseif name ~= 'HDEL' and name ~= 'EXPIRE' then\n"
    "    return redis.error_reply('ERR ' .. name .. ' of what is deleted')\n"
    "  end\n"
    "  i = to + 1\n"
    "  n = n + 1\n"
    "end\n"
    "for _, place in ipairs(last) do\n"
    "  redis.call(unpack(ARGV, place[1], place[2]))\n"
    "end\n"
    "for key in pairs(gone) do redis.call('DEL', key) end\n"
    "return n\n",

    /*
     * HINCRBY goes first, as in a commit.  An id that Redis cannot read, and
     * what somebody else has put there, is no dead letter of ours.
     */
    [WORKER_SCRIPT_DEAD] =
    SCRIPT_FENCE
    "redis.call('HINCRBY', KEYS[2], 'commands', 1)\n"
    "local got = redis.pcall('XRANGE', KEYS[3], ARGV[4], ARGV[4])\n"
    "local fields, letter, skip = got[1] and got[1][2] or {}, {}, {}\n"
    "if #fields > 100 then\n"
    "  fields = {}\n"
    "end\n"
    "for _, name in ipairs({'created', 'reason', 'status', 'tries'}) do\n"
    "  skip[name] = true\n"
    "end\n"
    "local words = {KEYS[4], '*'}\n"
    "for i = 1, #fields, 2 do\n"
    "  letter[fields[i]] = fields[i + 1]\n"
    "  if not skip[fields[i]] then\n"
    "    words[#words + 1] = fields[i]\n"
    "    words[#words + 1] = fields[i + 1]\n"
    "  end\n"
    "end\n"
    "local found = letter.conn == ARGV[5]\n"
    "if found then\n"
    "  if ARGV[3] == 'requeue' then\n"
    "    words[#words + 1] = 'created'\n"
    "    words[#words + 1] = ARGV[8]\n"
    "    redis.call('XADD', unpack(words))\n"
    "  end\n"
    "  redis.call('XDEL', KEYS[3], ARGV[4])\n"
    "end\n"
    "local event = {KEYS[6], 'MAXLEN', '~', ARGV[9], '*', 'event', 'command',\n"
    "               'conn', ARGV[5]}\n"
    "if found and letter.group then\n"
    "  event[#event + 1] = 'group'\n"
    "  event[#event + 1] = letter.group\n"
    "end\n"
    "for _, word in ipairs({'at', ARGV[8], 'by', ARGV[7], 'cmd', ARGV[6],\n"
    "                       'data', found and ARGV[10] or ARGV[11]}) do\n"
    "  event[#event + 1] = word\n"
    "end\n"
    "redis.call('XADD', unpack(event))\n"
    "redis.call('XACK', KEYS[5], ARGV[2], ARGV[6])\n"
    "redis.call('XDEL', KEYS[5], ARGV[6])\n"
    "return found and 1 or 0\n",
};


const char *
worker_script_text(enum worker_script script)
{
    return script_texts[script];
}


int
worker_script_prepare(void)
{
    unsigned        len;
    unsigned char   digest[EVP_MAX_MD_SIZE];

    /* without its context OpenSSL 3.0 crashes instead of failing */
    if (OSSL_LIB_CTX_get0_global_default() == NULL) {
        return -1;
    }

    for (unsigned script = 0; script < WORKER_SCRIPT_COUNT; script++) {
        if (EVP_Digest(script_texts[script], strlen(script_texts[script]),
                       digest, &len, EVP_sha1(), NULL)
            != 1)
        {
            return -1;
        }

        for (unsigned i = 0; i < len; i++) {
            snprintf(script_shas[script] + 2 * i, 3, "%02x", digest[i]);
        }
    }

    return 0;
}


const char *
worker_script_sha(enum worker_script script)
{
    return script_shas[script];
}
