// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"strings"
)

// HoldsSecret reports whether a text has, or may have, the password of a connection
// string.
func HoldsSecret(text string) bool {
	start, _ := nextSecret(text, 0)
	return start >= 0
}

// MaskSecrets replaces the passwords of the connection strings in a text with "?", and
// reports whether there were any. If the end of a password is uncertain, it replaces
// more than the password.
func MaskSecrets(text string) (masked string, found bool) {
	start, end := nextSecret(text, 0)
	if start < 0 {
		return text, false
	}
	out := make([]byte, 0, len(text))
	last := 0
	for start >= 0 {
		out = append(append(out, text[last:start]...), '?')
		last = end
		start, end = nextSecret(text, end)
	}
	return string(append(out, text[last:]...)), true
}

// nextSecret returns the start and the end of the next password from i on, or -1.
func nextSecret(text string, i int) (start, end int) {
	for ; i < len(text); i++ {
		if !secretMarks[text[i]] {
			continue
		}
		switch text[i] {
		case '=':
			if isSecretKey(keyBefore(text, i)) {
				if start, end := secretValue(text, i+1); start < end {
					return start, end
				}
			}
		case ':':
			if strings.HasPrefix(text[i:], "://") {
				if start, end := userInfo(text, i+len("://")); start < end {
					return start, end
				}
				i += len("//")
				continue
			}
			if key := keyBefore(text, i); isPasswordKey(key) || i > 0 && text[i-1] == '"' && isSecretKey(key) { // in JSON
				if start, end := secretValue(text, i+1); start < end {
					return start, end
				}
			}
			if start, end := oracleCredentials(text, i); start < end {
				return start, end
			}
			if start, end := credentials(text, i); start < end {
				return start, end
			}
		case '/':
			if start, end := credentials(text, i); start < end {
				return start, end
			}
		}
	}
	return -1, -1
}

// secretMarks are the characters that may separate a key or a user from a password. Most
// texts have none.
var secretMarks = [256]bool{'=': true, ':': true, '/': true}

// keyBefore returns the key before the "=" or ":" at i.
func keyBefore(text string, i int) string {
	end := i
	for end > 0 && strings.IndexByte(" \t\"'\\", text[end-1]) >= 0 {
		end--
	}
	start := end
	for start > 0 && end-start < maxKey && (isKeyByte(text[start-1]) || text[start-1] == ' ') {
		start--
	}
	return text[start:end]
}

// maxKey is an upper limit for the length of a key in bytes.
const maxKey = 48

func isKeyByte(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// keyEnds reports whether a key ends with a word, which is in lower case. It ignores
// the key's case, and blanks and marks in it. before is the part of the key before the
// word.
func keyEnds(key, word string) (before string, ok bool) {
	i := len(key)
	for j := len(word) - 1; j >= 0; {
		i--
		if i < 0 {
			return "", false
		}
		switch c := key[i]; {
		case c|0x20 == word[j]:
			j--
		case j < len(word)-1 && (c == ' ' || c == '_' || c == '-'):
		default:
			return "", false
		}
	}
	return key[:i], true
}

// isSecretKey reports whether the value of a key of a connection string is a secret.
func isSecretKey(key string) bool {
	if isPasswordKey(key) {
		return true
	}
	for _, word := range secretWords[lastLetter(key)] {
		if _, ok := keyEnds(key, word); ok {
			return true
		}
	}
	return strings.EqualFold(key, "sig") || strings.EqualFold(key, "jwt")
}

// isPasswordKey reports whether a key names a password, also in JSON and in prose.
func isPasswordKey(key string) bool {
	for _, word := range passwordWords[lastLetter(key)] {
		if _, ok := keyEnds(key, word); ok {
			return true
		}
	}
	for _, word := range [...]string{"pass", "pw"} {
		if before, ok := keyEnds(key, word); ok && strings.TrimRight(before, " ") == "" {
			return true
		}
	}
	return false
}

// passwordWords and secretWords are the words that keys of secrets end with, by their
// last letter.
var (
	passwordWords = byLastLetter("password", "passwd", "pwd", "passphrase", "secret", "passcode")
	secretWords   = byLastLetter(
		"pass", "token", "apikey", "accesskey", "accountkey", "authkey", "privatekey", "sharedkey", "secretkey", "encryptionkey", "credential", "credentials", "credentialsbase64",
		"sas", "signature", "authorization")
)

func byLastLetter(words ...string) (table [32][]string) {
	for _, word := range words {
		last := lastLetter(word)
		table[last] = append(table[last], word)
	}
	return table
}

// lastLetter returns the number of a key's last letter in the alphabet.
func lastLetter(key string) byte {
	if key == "" {
		return 0
	}
	return key[len(key)-1] & 0x1F
}

// secretValue returns the start and the end of the value at i. They are equal for the
// placeholder of a bind variable, because the text may be SQL.
func secretValue(text string, i int) (start, end int) {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
		i++
	}
	if i >= len(text) || strings.IndexByte("?:$@%&;)", text[i]) >= 0 && (i+1 >= len(text) || isBindByte(text, i)) {
		return i, i
	}
	if strings.HasPrefix(text[i:], `\"`) { // JSON in JSON
		if n := strings.Index(text[i+2:], `\"`); n >= 0 {
			return i + 2, i + 2 + n
		}
		return i + 2, len(text)
	}
	if closing, ok := closers[text[i]]; ok {
		for j := i + 1; j < len(text); j++ {
			switch {
			case text[j] == '\\' && closing != '}':
				j++
			case text[j] != closing:
			case j+1 < len(text) && text[j+1] == closing:
				j++ // doubled: belongs to the value
			default:
				return i + 1, j
			}
		}
		return i + 1, len(text)
	}
	// Without quotes the value may have any character. It ends before the next key or at
	// the end of the line.
	for j := i; j < len(text); j++ {
		switch text[j] {
		case ';', '&', ' ', ',', ')':
			if keyFollows(text, j+1) || text[j] == ')' && strings.Trim(text[j:], ")") == "" {
				return i, j
			}
		case '\n', '\r':
			return i, j
		}
	}
	return i, len(text)
}

// isBindByte reports whether a placeholder begins at i, such as ?, :1, $1, @p or %s, or
// whether there is no value, as at the end of a list.
func isBindByte(text string, i int) bool {
	switch text[i] {
	case '?', '&', ';', ')':
		return true
	case '%':
		return text[i+1] == 's' || text[i+1] == '('
	case '$':
		return text[i+1] >= '0' && text[i+1] <= '9'
	}
	end := i + 1
	for end < len(text) && isKeyByte(text[end]) {
		end++
	}
	return end == len(text) || strings.IndexByte(" ,)\n", text[end]) >= 0 && end-i < len(":password_1")
}

// keyFollows reports whether key= or the end of the text follows at i.
func keyFollows(text string, i int) bool {
	for i < len(text) && strings.IndexByte(" ;(", text[i]) >= 0 {
		i++
	}
	end := i
	for end < len(text) && end-i < maxKey && (isKeyByte(text[end]) || text[end] == ' ') {
		end++
	}
	return i >= len(text) || end > i && end < len(text) && text[end] == '='
}

// userInfo returns the start and the end of the password in the URL whose "//" ends
// at i.
func userInfo(text string, i int) (start, end int) {
	stop := i + tokenLength(text[i:])
	token := text[i:stop]
	at := strings.LastIndexByte(token, '@')
	if at < 0 {
		// The URL may have been cut within the password.
		_, tail, found := strings.Cut(token, ":")
		if found && !strings.HasPrefix(token, "[") && strings.Count(token, ":") == 1 {
			port, _, _ := strings.Cut(tail, "/")
			port, _, _ = strings.Cut(port, "?")
			port, _, _ = strings.Cut(port, ";")
			port, _, _ = strings.Cut(port, ",")
			if port != "" && atoiPort(port) == 0 && !strings.Contains(token[:len(token)-len(tail)], "/") {
				return stop - len(tail), stop
			}
		}
		return i, i
	}
	mark := strings.IndexAny(token[:at], ":/")
	if mark < 0 || token[mark+1:at] == "?" || mark+1 == at {
		return i, i
	}
	return i + mark + 1, i + at
}

// credentials returns the start and the end of a password in user:password@host or
// user/password@host. The separator may be the character at i.
func credentials(text string, i int) (start, end int) {
	start = i
	for start > 0 && !endsToken(text[start-1]) && text[start-1] != '/' && text[start-1] != ':' {
		start--
	}
	if start > 0 && (text[start-1] == '/' || text[start-1] == ':') && !hasSchemeBefore(text, start) || text[i] == '/' && start == i || text[start] == '.' {
		return i, i
	}
	if strings.HasPrefix(text[i+1:], `"`) { // Oracle's user/"password"@address
		if n := strings.Index(text[i+2:], `"@`); n > 0 && text[i+2:i+2+n] != "?" {
			return i + 2, i + 2 + n
		}
		return i, i
	}
	stop := i + 1 + tokenLength(text[i+1:])
	at := strings.LastIndexByte(text[i+1:stop], '@')
	if text[i] == ':' && beginsURL(text[start:i], text[i+1:max(i+1+at, i+1)]) {
		return i, i
	}
	if at <= 0 || text[i+1:i+1+at] == "?" || at == 1 && text[i+1] == '/' {
		return i, i
	}
	if text[i+at] == '/' && !strings.HasPrefix(text[i+1+at:], "@//") { // a path such as node_modules/@scope
		return i, i
	}
	return i + 1, i + 1 + at
}

// oracleCredentials returns the start and the end of the password in a JDBC URL whose
// address was cut, such as jdbc:oracle:thin:user/password. The ":" is at i.
func oracleCredentials(text string, i int) (start, end int) {
	token := text[i+1 : i+1+tokenLength(text[i+1:])]
	if slash := strings.IndexByte(token, '/'); slash > 0 && !strings.ContainsAny(token[:slash], "@:?") && !strings.Contains(token, "@") &&
		(hasSuffixFold(text[:i], ":thin") || hasSuffixFold(text[:i], ":oci")) && token[slash+1:] != "?" {
		return i + 1 + slash + 1, i + 1 + len(token)
	}
	return i, i
}

// beginsURL reports whether the word before a ":" is the scheme of a connection string,
// not a user with the name of a system.
func beginsURL(word, rest string) bool {
	if wrapsURL(word) || isDriverType(word) {
		return true
	}
	_, known := LookupSystem(word)
	next, _, more := strings.Cut(rest, ":")
	return known && (more && (isDriverType(next) || isOracleScheme(next)) || isSchemes(rest))
}

// isDriverType reports whether a part of a JDBC URL is the type of Oracle's driver.
func isDriverType(part string) bool {
	switch strings.ToLower(part) {
	case "thin", "oci", "oci8", "kprb":
		return true
	default:
		return false
	}
}

// hasSchemeBefore reports whether the scheme of a connection string ends before i.
func hasSchemeBefore(text string, i int) bool {
	end := i - 1
	start := end
	for start > 0 && !endsToken(text[start-1]) {
		start--
	}
	return text[end] == ':' && start < end && isScheme(text[start:end])
}

// tokenLength returns the length of text up to the first blank, quote or bracket.
func tokenLength(text string) int {
	for i := range len(text) {
		if endsToken(text[i]) {
			return i
		}
	}
	return len(text)
}

func endsToken(c byte) bool {
	return c <= ' ' || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>' || c == '(' || c == ')'
}
