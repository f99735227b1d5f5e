// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"strings"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// analyzeCommand analyzes a command of Redis or Memcached.
func analyzeCommand(language dbspan.Language, text string) *statement {
	operation, pipeline := firstWord(text), ""
	if language == dbspan.LanguageRedis {
		// Redis ignores case, and so should counts by operation. An operation that the
		// application sent is not changed.
		operation = strings.ToUpper(operation)
		pipeline = pipelineOf(operation, text)
	}
	return &statement{operation: operation, summary: operation, pipeline: pipeline, unparsed: operation == ""}
}

// pipelineOf returns the name of a pipeline, which has one command a line, or "" if
// the text is a single command. Source: semantic conventions for Redis,
// db.operation.name.
func pipelineOf(operation, text string) string {
	commands := 0
	for line := range strings.Lines(text) {
		next := firstWord(line)
		if next == "" {
			continue
		}
		commands++
		if !strings.EqualFold(next, operation) {
			operation = ""
		}
	}
	switch {
	case commands < 2:
		return ""
	case operation == "":
		return "PIPELINE"
	default:
		return "PIPELINE " + operation
	}
}

// maskRedisSecrets removes passwords from commands. It replaces everything after a word
// that a password follows, such as AUTH in "HELLO 3 AUTH user password", up to the end of
// the command. In a text that is known to be commands, it replaces values too. The library
// that removes values from commands does not know all commands, nor values with spaces.
func maskRedisSecrets(text string, commands bool) string {
	var out strings.Builder
	for text != "" {
		end, next := redisCommandEnd(text)
		command := text[:end]
		if commands && out.Len() > 0 && !isRedisCommand(command) {
			command = "?" // the rest of a value with line breaks
		}
		if cut := redisSecret(command, commands); cut >= 0 {
			command = command[:cut] + " ?"
		}
		out.WriteString(command)
		out.WriteString(text[end:next])
		text = text[next:]
	}
	return out.String()
}

// isRedisCommand reports whether a line begins with a known command, or is blank.
func isRedisCommand(line string) bool {
	word, _, _ := strings.Cut(strings.Trim(line, redisBlanks), " ")
	_, known := redisKeeps(strings.ToUpper(word[:min(len(word), maxCommand)]), true)
	return known || word == ""
}

// redisCommandEnd returns where the first command of a pipeline ends, and where the next
// one begins. A line break in quotes belongs to an argument.
func redisCommandEnd(text string) (end, next int) {
	quoted := false
	for i := range len(text) {
		switch text[i] {
		case '"':
			if i == 0 || text[i-1] != '\\' {
				quoted = !quoted
			}
		case '\n':
			if !quoted {
				return i, i + 1
			}
		}
	}
	return len(text), len(text)
}

// redisSecret returns the offset from which the command has a secret or values, or -1. In
// a text that may not be a command, such as a span's name, it counts only what cannot be
// prose.
func redisSecret(command string, certain bool) int {
	first, verb, keep := true, "", -1
	for i := 0; i < len(command); {
		for i < len(command) && strings.IndexByte(redisBlanks, command[i]) >= 0 {
			first = first || command[i] == ';' // instrumentations join commands with it
			i++
		}
		start := i
		for i < len(command) && strings.IndexByte(redisBlanks, command[i]) < 0 {
			i++
		}
		word := strings.ToUpper(command[start:min(i, start+maxCommand)])
		if first {
			first, verb = false, word
			keep, _ = redisKeeps(word, certain)
		} else if keep > 0 {
			keep--
		}
		_, secret := redisSecretWords[word]
		if keep == 0 || secret || word == "SET" && (verb == "CONFIG" || verb == "SENTINEL") {
			if strings.Trim(command[i:], redisBlanks+"?") == "" {
				return -1 // nothing follows, or only the replacement
			}
			return i
		}
	}
	return -1
}

// redisBlanks has the characters that separate the words of a command, including a
// command as a JSON list, and joined commands.
const redisBlanks = " \t\r\n;,[]\"'"

// redisSecretWords has the words within commands that a password follows. Source: the
// commands of Redis 8 and Valkey 8, and their settings.
var redisSecretWords = map[string]struct{}{
	"AUTH": {}, "AUTH2": {}, "SETUSER": {}, "REQUIREPASS": {}, "MASTERAUTH": {}, "MASTERUSER": {}, "PRIMARYAUTH": {}, "PRIMARYUSER": {},
	"AUTH-PASS": {}, "AUTH-USER": {}, "SETNAME": {}, "SENTINEL-PASS": {}, "SENTINEL-USER": {}, "TLS-KEY-FILE-PASS": {}, "TLS-CLIENT-KEY-FILE-PASS": {},
}

// redisKeeps returns how many arguments of a command come before its first value, or -1 if
// it has no values, and whether the command is known. An unknown command keeps one
// argument, its key.
func redisKeeps(command string, certain bool) (n int, known bool) {
	if n, ok := redisValueCommands[command]; ok {
		return n, true
	}
	if !certain {
		return -1, false
	}
	if n, ok := redisStoringCommands[command]; ok {
		return n, true
	}
	if _, ok := redisPlainCommands[command]; ok {
		return -1, true
	}
	return 1, false
}

// redisValueCommands has the commands with values or passwords that the library does not
// remove, each with the number of arguments before the first such value.
var redisValueCommands = map[string]int{
	"HELLO": 0, "MIGRATE": 0, "EVAL": 0, "EVAL_RO": 0, "EVALSHA": 0, "EVALSHA_RO": 0, "ECHO": 0, "PING": 0, "FCALL": 1, "FCALL_RO": 1, "FUNCTION": 1,
	"SCRIPT": 1, "ACL": 1, "MODULE": 1, "PUBLISH": 1, "SPUBLISH": 1, "XADD": 1, "PFADD": 1, "SMISMEMBER": 1, "LPOS": 1, "ZMSCORE": 1,
	"BF.ADD": 1, "BF.MADD": 1, "CF.ADD": 1, "TS.ADD": 1, "JSON.SET": 2, "JSON.MSET": 0, "JSON.ARRAPPEND": 2, "JSON.STRAPPEND": 2, "JSON.MERGE": 2,
	"FT.SEARCH": 1, "FT.AGGREGATE": 1, "HSETEX": 1, "MSETEX": 0,
}

// redisStoringCommands are the commands whose name alone could be prose.
var redisStoringCommands = map[string]int{
	"APPEND": 1, "DELEX": 2, "DELIFEQ": 1, "GEOADD": 1, "GEODIST": 1, "GEOHASH": 1, "GEOPOS": 1, "GEORADIUSBYMEMBER": 1, "GETSET": 1, "HMSET": 2, "HSET": 2, "HSETNX": 2,
	"JSON.ARRINDEX": 2, "JSON.ARRINSERT": 2, "LINSERT": 2, "LPUSH": 1, "LPUSHX": 1, "LREM": 2, "LSET": 2, "MSET": 1, "MSETNX": 1, "PSETEX": 2, "RESTORE": 2, "RPUSH": 1,
	"RPUSHX": 1, "SADD": 1, "SET": 1, "SETEX": 2, "SETIFEQ": 1, "SETNX": 1, "SETRANGE": 2, "SISMEMBER": 1, "SMOVE": 2, "SREM": 1, "ZADD": 1, "ZINCRBY": 2, "ZRANK": 1,
	"ZREM": 1, "ZREVRANK": 1, "ZSCORE": 1,
}

// redisPlainCommands are commands that have no values: keys, fields, numbers and settings.
// CLIENT and CONFIG have special words that a secret follows.
var redisPlainCommands = func() map[string]struct{} {
	set := map[string]struct{}{}
	for command := range strings.FieldsSeq(`ASKING AUTH BGREWRITEAOF BGSAVE BITCOUNT BITFIELD BITFIELD_RO BITOP BITPOS BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP
		BZPOPMAX BZPOPMIN CLIENT CLUSTER COMMAND CONFIG COPY DBSIZE DECR DECRBY DEL DISCARD DUMP EXEC EXISTS EXPIRE EXPIREAT EXPIRETIME FAILOVER FLUSHALL
		FLUSHDB GEORADIUS GEORADIUS_RO GEOSEARCH GEOSEARCHSTORE GET GETBIT GETDEL GETEX GETRANGE HDEL HEXISTS HEXPIRE HEXPIREAT HEXPIRETIME HGET HGETALL HGETDEL
		HGETEX HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HPERSIST HPEXPIRE HPEXPIREAT HPEXPIRETIME HPTTL HRANDFIELD HSCAN HSTRLEN HTTL HVALS INCR INCRBY INCRBYFLOAT
		INFO JSON.ARRLEN JSON.ARRPOP JSON.CLEAR JSON.DEL JSON.GET JSON.MGET JSON.NUMINCRBY JSON.OBJKEYS JSON.OBJLEN JSON.STRLEN JSON.TYPE KEYS LASTSAVE LATENCY LCS LINDEX
		LLEN LMOVE LMPOP LPOP LRANGE LTRIM MEMORY MGET MONITOR MOVE MULTI OBJECT PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PFCOUNT PFMERGE PSUBSCRIBE PSYNC PTTL PUBSUB
		PUNSUBSCRIBE QUIT RANDOMKEY READONLY READWRITE RENAME RENAMENX REPLICAOF RESET ROLE RPOP RPOPLPUSH SAVE SCAN SCARD SDIFF SDIFFSTORE SELECT SENTINEL SETBIT
		SHUTDOWN SINTER SINTERCARD SINTERSTORE SLAVEOF SLOWLOG SMEMBERS SORT SORT_RO SPOP SRANDMEMBER SSCAN SSUBSCRIBE STRLEN SUBSCRIBE SUBSTR SUNION SUNIONSTORE
		SUNSUBSCRIBE SWAPDB SYNC TIME TOUCH TTL TYPE UNLINK UNSUBSCRIBE UNWATCH WAIT WAITAOF WATCH XACK XAUTOCLAIM XCLAIM XDEL XGROUP XINFO XLEN XPENDING XRANGE XREAD
		XREADGROUP XREVRANGE XSETID XTRIM ZCARD ZCOUNT ZDIFF ZDIFFSTORE ZINTER ZINTERCARD ZINTERSTORE ZMPOP ZPOPMAX ZPOPMIN ZRANDMEMBER ZRANGE ZRANGEBYSCORE
		ZRANGESTORE ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE ZREVRANGEBYSCORE ZSCAN ZUNION ZUNIONSTORE`) {
		set[command] = struct{}{}
	}
	return set
}()
