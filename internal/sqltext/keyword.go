// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

// keyword is an unquoted word that matters to the analysis. Words with the same meaning
// are one keyword; all other words are kwNone.
type keyword uint8

const (
	kwNone keyword = iota

	// Words that begin a statement.
	kwSelect
	kwInsert
	kwUpdate
	kwDelete
	kwMerge
	kwReplace
	kwUpsert
	kwWith
	kwValues
	kwCreate
	kwAlter
	kwDrop
	kwTruncate
	kwCall
	kwExec
	kwExecute
	kwBegin
	kwDeclare
	kwCommit
	kwRollback
	kwStart
	kwSet
	kwShow
	kwUse
	kwLock
	kwGrant
	kwRevoke
	kwExplain
	kwDescribe
	kwDesc
	kwPragma
	kwCopy
	kwLoad
	kwRename
	kwConnect
	kwCommand   // a statement in which only the first word matters
	kwSensitive // a statement that may hold a password

	// Words that name a kind of object.
	kwTable
	kwView
	kwMaterialized
	kwIndex
	kwDatabase
	kwSchema
	kwProcedure
	kwFunction
	kwTrigger
	kwSequence
	kwUser
	kwRole
	kwLogin
	kwType
	kwPackage
	kwSynonym
	kwExtension
	kwTablespace
	kwSession
	kwSystem
	kwEvent
	kwDomain
	kwPolicy
	kwProfile
	kwTables

	// Words within a statement.
	kwFrom
	kwInto
	kwJoin
	kwApply
	kwOn
	kwUsing
	kwWhere
	kwGroup
	kwHaving
	kwOrder
	kwLimit
	kwOffset
	kwFetch
	kwWindow
	kwQualify
	kwReturning
	kwOutput
	kwFor
	kwUnion
	kwIntersect
	kwExcept
	kwMinus
	kwAs
	kwOnly
	kwLateral
	kwDistinct
	kwAll
	kwIf
	kwNot
	kwExists
	kwOr
	kwAnd
	kwIn
	kwLike
	kwIs
	kwNull
	kwBetween
	kwCase
	kwWhen
	kwThen
	kwElse
	kwEnd
	kwLoop
	kwDefault
	kwRecursive
	kwEscape
	kwTop
	kwIgnore
	kwLowPriority
	kwConcurrently
	kwCross
	kwOuter
	kwInner
	kwLeft
	kwRight
	kwFull
	kwNatural
	kwModel
	kwPartition
	kwBy
	kwCascade
	kwRestrict
	kwIdentified
	kwPassword
	kwPrimary
	kwNext
	kwValue
	kwTransaction
	kwTran
	kwWork
	kwOverwrite
	kwImmediate
	kwFirst
	kwBoolean
	kwDate  // a type that may precede a literal, or the name of a column
	kwOther // never a name, and without any other meaning here
)

// keywordWords are the spellings of each keyword.
var keywordWords = map[keyword][]string{
	kwSelect: {"SELECT"}, kwInsert: {"INSERT"}, kwUpdate: {"UPDATE"}, kwDelete: {"DELETE"},
	kwMerge: {"MERGE"}, kwReplace: {"REPLACE"}, kwUpsert: {"UPSERT"}, kwWith: {"WITH"},
	kwValues: {"VALUES"}, kwCreate: {"CREATE"}, kwAlter: {"ALTER"}, kwDrop: {"DROP"},
	kwTruncate: {"TRUNCATE"}, kwCall: {"CALL"}, kwExec: {"EXEC"}, kwExecute: {"EXECUTE"},
	kwBegin: {"BEGIN"}, kwDeclare: {"DECLARE"}, kwCommit: {"COMMIT"}, kwRollback: {"ROLLBACK"},
	kwStart: {"START"}, kwSet: {"SET"}, kwShow: {"SHOW"}, kwUse: {"USE"}, kwLock: {"LOCK"},
	kwGrant: {"GRANT"}, kwRevoke: {"REVOKE", "DENY"}, kwExplain: {"EXPLAIN"},
	kwDescribe: {"DESCRIBE"}, kwDesc: {"DESC"}, kwPragma: {"PRAGMA"}, kwCopy: {"COPY"},
	kwLoad: {"LOAD"}, kwRename: {"RENAME"}, kwConnect: {"CONNECT"},
	kwCommand: {
		"SAVEPOINT", "RELEASE", "ANALYZE", "VACUUM", "OPTIMIZE", "REINDEX", "CLUSTER",
		"CHECKPOINT", "COMMENT", "PREPARE", "DEALLOCATE", "DISCARD", "LISTEN", "NOTIFY", "UNLISTEN",
		"RESET", "FLUSH", "KILL", "UNLOCK", "ATTACH", "DETACH", "REFRESH", "ABORT", "PURGE",
		"FLASHBACK", "AUDIT", "NOAUDIT", "ADMINISTER", "ASSOCIATE", "DISASSOCIATE", "DBCC",
		"BACKUP", "RESTORE", "BULK", "WAITFOR", "OPEN", "CLOSE", "REPAIR", "HANDLER", "INSTALL",
		"UNINSTALL", "SHUTDOWN", "MOVE", "REASSIGN", "SECURITY", "DO", "RAISERROR", "THROW",
		"PRINT", "RECONFIGURE", "UNLOAD",
	},
	kwSensitive: {"VALIDATE", "CHECK", "EXPORT", "IMPORT", "RECOVER"},

	kwTable: {"TABLE"}, kwView: {"VIEW"}, kwMaterialized: {"MATERIALIZED"}, kwIndex: {"INDEX"},
	kwDatabase: {"DATABASE"}, kwSchema: {"SCHEMA"}, kwProcedure: {"PROCEDURE", "PROC"},
	kwFunction: {"FUNCTION"}, kwTrigger: {"TRIGGER"}, kwSequence: {"SEQUENCE"}, kwUser: {"USER"},
	kwRole: {"ROLE"}, kwLogin: {"LOGIN"}, kwType: {"TYPE"}, kwPackage: {"PACKAGE"},
	kwSynonym: {"SYNONYM"}, kwExtension: {"EXTENSION"}, kwTablespace: {"TABLESPACE"},
	kwSession: {"SESSION"}, kwSystem: {"SYSTEM"}, kwEvent: {"EVENT"}, kwDomain: {"DOMAIN"},
	kwPolicy: {"POLICY"}, kwProfile: {"PROFILE"}, kwTables: {"TABLES"},

	kwFrom: {"FROM"}, kwInto: {"INTO"}, kwJoin: {"JOIN", "STRAIGHT_JOIN"}, kwApply: {"APPLY"},
	kwOn: {"ON"}, kwUsing: {"USING"}, kwWhere: {"WHERE"}, kwGroup: {"GROUP"}, kwHaving: {"HAVING"},
	kwOrder: {"ORDER"}, kwLimit: {"LIMIT"}, kwOffset: {"OFFSET"}, kwFetch: {"FETCH"},
	kwWindow: {"WINDOW"}, kwQualify: {"QUALIFY", "PREWHERE", "SETTINGS", "OPTION", "LET"}, kwReturning: {"RETURNING"}, kwOutput: {"OUTPUT"},
	kwFor: {"FOR"}, kwUnion: {"UNION"}, kwIntersect: {"INTERSECT"}, kwExcept: {"EXCEPT"},
	kwMinus: {"MINUS"}, kwAs: {"AS"}, kwOnly: {"ONLY"}, kwLateral: {"LATERAL"},
	kwDistinct: {"DISTINCT"}, kwAll: {"ALL"}, kwIf: {"IF"}, kwNot: {"NOT"}, kwExists: {"EXISTS"},
	kwOr: {"OR"}, kwAnd: {"AND"}, kwIn: {"IN"}, kwLike: {"LIKE", "ILIKE", "RLIKE", "REGEXP"},
	kwIs: {"IS"}, kwNull: {"NULL"}, kwBetween: {"BETWEEN"}, kwCase: {"CASE"}, kwWhen: {"WHEN"},
	kwThen: {"THEN"}, kwElse: {"ELSE"}, kwEnd: {"END"}, kwLoop: {"LOOP"}, kwDefault: {"DEFAULT"},
	kwRecursive: {"RECURSIVE"}, kwEscape: {"ESCAPE"}, kwTop: {"TOP"}, kwIgnore: {"IGNORE"},
	kwLowPriority:  {"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK"},
	kwConcurrently: {"CONCURRENTLY"}, kwCross: {"CROSS"}, kwOuter: {"OUTER"}, kwInner: {"INNER"},
	kwLeft: {"LEFT"}, kwRight: {"RIGHT"}, kwFull: {"FULL"}, kwNatural: {"NATURAL"},
	kwModel: {"MODEL"}, kwPartition: {"PARTITION"}, kwBy: {"BY"}, kwCascade: {"CASCADE"},
	kwRestrict: {"RESTRICT"}, kwIdentified: {"IDENTIFIED"}, kwPassword: {"PASSWORD"},
	kwPrimary: {"PRIMARY"}, kwNext: {"NEXT"}, kwValue: {"VALUE"}, kwTransaction: {"TRANSACTION"},
	kwTran: {"TRAN"}, kwWork: {"WORK"}, kwOverwrite: {"OVERWRITE"}, kwImmediate: {"IMMEDIATE"},
	kwFirst: {"FIRST"}, kwBoolean: {"TRUE", "FALSE"},
	kwDate:  {"DATE", "TIME", "TIMESTAMP", "DATETIME", "JSON"},
	kwOther: {"ASC", "COLLATE", "XOR", "DIV", "MOD", "TO", "INTERVAL", "OVER", "SEPARATOR"},
}

// canonical is the spelling of each keyword that has only one.
var canonical [256]string

// keywordEntry is a keyword and its letters: the first eight in lo, the others in hi.
type keywordEntry struct {
	lo, hi uint64
	kw     keyword
}

// keywordTable is an open-addressed hash table, since looking up a word in a map would
// cost more than reading it. An entry without letters is free.
var keywordTable [1024]keywordEntry

// keywordMaxLen is the length of the longest keyword.
const keywordMaxLen = 13

// upperCase clears the bit in which lower-case and upper-case ASCII letters differ. It
// does not make any other two characters of a word equal.
const upperCase = 0xDFDFDFDFDFDFDFDF

// keywordMasks select the letters of a word, by its length.
var keywordMasks = func() (masks [keywordMaxLen + 1]keywordEntry) {
	for n := range masks {
		masks[n].lo = ^uint64(0) >> (64 - 8*min(n, 8)) & upperCase
		masks[n].hi = ^uint64(0) >> (64 - 8*max(n-8, 0)) & upperCase
	}
	return masks
}()

func init() {
	for kw, words := range keywordWords {
		if len(words) == 1 {
			canonical[kw] = words[0]
		}
		for _, w := range words {
			e := keywordEntry{lo: letters(w, 0, len(w)), hi: letters(w, 8, len(w)), kw: kw}
			i := keywordHash(e.lo, e.hi)
			for keywordTable[i].lo != 0 {
				i = (i + 1) % uint64(len(keywordTable))
			}
			keywordTable[i] = e
		}
	}
}

// keywordHash returns the entry of keywordTable at which a search begins.
func keywordHash(lo, hi uint64) uint64 {
	return (lo ^ hi<<3) * 0x9E3779B97F4A7C15 >> 54
}

// letters returns up to eight bytes of the text from i to end, with the first byte in the
// lowest bits.
func letters(text string, i, end int) uint64 {
	var v uint64
	for shift := 0; i < end && shift < 64; i, shift = i+1, shift+8 {
		v |= uint64(text[i]) << shift
	}
	return v
}

// keywordOf returns the keyword for a word in any case, or kwNone.
func keywordOf(w string) keyword {
	return keywordAt(w, 0, len(w))
}

// keywordAt returns the keyword for the word from p to end, in any case, or kwNone.
func keywordAt(text string, p, end int) keyword {
	n := end - p
	if n < 2 || n > keywordMaxLen {
		return kwNone
	}
	var lo, hi uint64
	if p+16 <= len(text) {
		b := text[p : p+16]
		lo = uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		hi = uint64(b[8]) | uint64(b[9])<<8 | uint64(b[10])<<16 | uint64(b[11])<<24 |
			uint64(b[12])<<32 | uint64(b[13])<<40 | uint64(b[14])<<48 | uint64(b[15])<<56
	} else {
		lo, hi = letters(text, p, end), letters(text, p+8, end)
	}
	lo &= keywordMasks[n].lo
	hi &= keywordMasks[n].hi
	for i := keywordHash(lo, hi); ; i = (i + 1) % uint64(len(keywordTable)) {
		e := &keywordTable[i]
		if e.lo == lo && e.hi == hi {
			return e.kw
		}
		if e.lo == 0 {
			return kwNone
		}
	}
}

// equalFoldASCII reports whether w equals upper, ignoring case. upper has the same length
// and is in upper case.
func equalFoldASCII(upper, w string) bool {
	for i := range len(upper) {
		c := w[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != upper[i] {
			return false
		}
	}
	return true
}

// namesKind reports whether the keyword names a kind of object after CREATE, ALTER or
// DROP.
func (k keyword) namesKind() bool {
	return k >= kwTable && k <= kwProfile
}

// beginsOperand reports whether a value follows the keyword, and the keyword is not an
// operand itself. After SELECT, LIMIT or AND a sign belongs to the number, while value-1
// is a subtraction.
func (k keyword) beginsOperand() bool {
	switch k {
	case kwSelect, kwValues, kwSet, kwCall, kwExec, kwExecute, kwFrom, kwInto, kwJoin, kwOn, kwUsing, kwWhere, kwGroup, kwHaving, kwOrder,
		kwLimit, kwOffset, kwFetch, kwQualify, kwReturning, kwOutput, kwFor, kwUnion, kwIntersect, kwExcept, kwMinus, kwAs, kwDistinct, kwAll, kwIf,
		kwNot, kwExists, kwOr, kwAnd, kwIn, kwLike, kwIs, kwBetween, kwCase, kwWhen, kwThen, kwElse, kwLoop, kwDefault, kwEscape, kwTop, kwBy,
		kwBoolean, kwOther:
		return true
	}
	return false
}

// joinsQueries reports whether another query follows the keyword.
func (k keyword) joinsQueries() bool {
	switch k {
	case kwUnion, kwIntersect, kwExcept, kwMinus:
		return true
	}
	return false
}

// isText reports whether the keyword, as the first argument of EXEC, is text without
// quotes. Other keywords begin a statement or belong to EXEC.
func (k keyword) isText() bool {
	switch k {
	case kwNone, kwDate, kwFirst, kwNext, kwValue, kwLeft, kwRight, kwFull, kwPassword, kwPrimary, kwOnly, kwWork, kwAll:
		return true
	}
	return k > kwTable && k.namesKind()
}

// endsTables reports whether the keyword ends a list of tables.
func (k keyword) endsTables() bool {
	switch k {
	case kwWhere, kwGroup, kwHaving, kwOrder, kwLimit, kwOffset, kwFetch, kwWindow, kwQualify,
		kwReturning, kwOutput, kwFor, kwUnion, kwIntersect, kwExcept, kwMinus, kwModel, kwConnect,
		kwStart, kwSet, kwBy:
		return true
	}
	return false
}

// inert marks the keywords that have no effect if no name is expected.
var inert = func() (words [256]bool) {
	for i := range words {
		switch k := keyword(i); k {
		case kwNone:
			words[i] = true
		case kwFrom, kwInto, kwJoin, kwApply, kwLateral, kwCase, kwEnd, kwThen, kwElse, kwLoop, kwTable, kwIf, kwUsing, kwBetween:
		default:
			words[i] = k >= kwTable && !k.endsTables()
		}
	}
	return words
}()
