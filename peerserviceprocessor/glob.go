// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor // import "github.com/ociapm/otelcol-ociapm/peerserviceprocessor"

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// glob matches text against a pattern. "*" matches any run of characters, "?" one
// character, and "[a-z]" and "[!a-z]" one character in or not in a class. "\" escapes the
// next character. No character is special in the text, not even "/". Matching ignores
// case: host names have none, and Oracle writes its names in upper case.
//
// path.Match stops at "/". The glob libraries among the dependencies cannot ignore case,
// and changing the case of the text would cost an allocation for each span.
type glob struct {
	literal string // the whole pattern, if it has no special character
	tokens  []token
}

type tokenKind uint8

const (
	tokenChar tokenKind = iota
	tokenOne
	tokenRun
	tokenClass
)

type token struct {
	kind   tokenKind
	char   rune
	negate bool
	ranges []charRange
}

type charRange struct{ low, high rune }

// compileGlob reads a pattern. It fails if a class or an escape is not complete.
func compileGlob(pattern string) (glob, error) {
	if !strings.ContainsAny(pattern, `*?[\`) {
		return glob{literal: pattern}, nil
	}
	var g glob
	for rest := pattern; rest != ""; {
		char, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		switch char {
		case '*':
			if n := len(g.tokens); n == 0 || g.tokens[n-1].kind != tokenRun {
				g.tokens = append(g.tokens, token{kind: tokenRun})
			}
		case '?':
			g.tokens = append(g.tokens, token{kind: tokenOne})
		case '[':
			class, tail, err := compileClass(rest)
			if err != nil {
				return glob{}, err
			}
			g.tokens = append(g.tokens, class)
			rest = tail
		case '\\':
			if rest == "" {
				return glob{}, errors.New(`"\" at the end has nothing to escape; write "\\" for the character itself`)
			}
			char, size = utf8.DecodeRuneInString(rest)
			rest = rest[size:]
			fallthrough
		default:
			g.tokens = append(g.tokens, token{kind: tokenChar, char: fold(char)})
		}
	}
	return g, nil
}

// compileClass reads a class. The text begins after its "[".
func compileClass(text string) (token, string, error) {
	class := token{kind: tokenClass}
	end := strings.IndexByte(text, ']')
	if end < 0 {
		return token{}, "", errors.New(`"[" is never closed; write "]" after the class, or "\[" for the character itself`)
	}
	body, rest := []rune(text[:end]), text[end+1:]
	if len(body) > 0 && (body[0] == '!' || body[0] == '^') {
		class.negate, body = true, body[1:]
	}
	if len(body) == 0 {
		return token{}, "", errors.New(`"[]" has no characters; write those that it should match`)
	}
	for i := 0; i < len(body); i++ {
		r := charRange{body[i], body[i]}
		if i+2 < len(body) && body[i+1] == '-' {
			r.high = body[i+2]
			i += 2
		}
		if r.low > r.high {
			return token{}, "", fmt.Errorf(`"%c-%c" is empty; write the lower character first`, r.low, r.high)
		}
		class.ranges = append(class.ranges, r)
	}
	return class, rest, nil
}

// any reports whether the glob matches every text.
func (g *glob) any() bool {
	return len(g.tokens) == 1 && g.tokens[0].kind == tokenRun
}

// match reports whether the whole text matches. Its time is at worst proportional to the
// product of the lengths. It does not allocate.
func (g *glob) match(text string) bool {
	if len(g.tokens) == 0 {
		return strings.EqualFold(text, g.literal)
	}
	position, at := 0, 0
	retryToken, retryAt := -1, 0 // the token after the last "*", and the end of the text that "*" matches
	for at < len(text) {
		if position < len(g.tokens) {
			t := &g.tokens[position]
			if t.kind == tokenRun {
				position++
				retryToken, retryAt = position, at
				continue
			}
			char, size := utf8.DecodeRuneInString(text[at:])
			if t.matches(char) {
				position++
				at += size
				continue
			}
		}
		if retryToken < 0 {
			return false
		}
		_, size := utf8.DecodeRuneInString(text[retryAt:])
		retryAt += size
		position, at = retryToken, retryAt
	}
	for position < len(g.tokens) && g.tokens[position].kind == tokenRun {
		position++
	}
	return position == len(g.tokens)
}

func (t *token) matches(char rune) bool {
	switch t.kind {
	case tokenChar:
		return fold(char) == t.char
	case tokenClass:
		lower, upper := unicode.ToLower(char), unicode.ToUpper(char)
		for _, r := range t.ranges {
			if r.low <= lower && lower <= r.high || r.low <= upper && upper <= r.high || r.low <= char && char <= r.high {
				return !t.negate
			}
		}
		return t.negate
	default:
		return true
	}
}

// fold maps characters that differ only in case, as in strings.EqualFold, to one of them.
func fold(char rune) rune {
	if char < utf8.RuneSelf {
		if 'A' <= char && char <= 'Z' {
			char += 'a' - 'A'
		}
		if char != 'k' && char != 's' { // these two have case variants beyond ASCII
			return char
		}
	}
	least := char
	for next := unicode.SimpleFold(char); next != char; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}
