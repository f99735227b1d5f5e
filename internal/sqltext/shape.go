// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"slices"
	"strings"
)

// What AppendShape writes instead of a literal or a comment. Texts with these bytes have
// no shape.
const (
	shapeNumber  = 1
	shapeString  = 2
	shapeComment = 3
)

// The classes of bytes around a literal, as bits. AppendShape recognizes a literal only
// between such bytes, where all dialects agree on where it begins and ends.
const (
	shapeBefore uint8 = 1 << iota
	shapeAfter
	shapeRefused // a byte of texts that have no shape
	shapePlain   // a byte that begins nothing
)

var shapeClasses = func() (c [256]uint8) {
	for b := range c {
		c[b] = shapePlain
	}
	for _, b := range "0123456789'\"`[/-#$%" {
		c[b] = 0
	}
	for b := range 0x20 {
		c[b] = shapeRefused
	}
	c['\\'] = shapeRefused
	for _, b := range " \t\n\r" {
		c[b] = shapeBefore | shapeAfter | shapePlain
	}
	for _, b := range "(<|" {
		c[b] |= shapeBefore
	}
	for _, b := range ",=>" {
		c[b] |= shapeBefore | shapeAfter
	}
	for _, b := range ");|:" {
		c[b] |= shapeAfter
	}
	return c
}()

// AppendShape appends the shape of a text to buf: the text without the values of its
// numbers, its quoted literals and its comments. Two texts of the same dialect with the
// same shape have equal results of Analyze and Sanitize, unless the results have values,
// which HasValues reports. So a statement that differs only in its values from one that
// was analyzed need not be analyzed again.
//
// It returns false if the text has no values, or if it is not certain where they begin
// and end. That is the case for backslashes, -- comments, hints, dollar quotes, and the
// dialect Generic. AppendShape reads each byte once.
func AppendShape(buf []byte, text string, d Dialect) ([]byte, bool) {
	if d.known() == Generic {
		return buf, false
	}
	last, values := 0, 0
	for {
		v, ok := nextValue(text, last, d)
		if !ok {
			return buf, false
		}
		buf = append(buf, text[last:v.start]...)
		if v.mark == 0 {
			return buf, values > 0
		}
		buf = append(buf, v.mark)
		last = v.end
		values++
	}
}

// HasValues reports whether the names in the results may be quoted literals, as in
// SELECT * FROM 'file.csv'.
func (a *Analysis) HasValues() bool {
	// A literal beyond the last collection may have had no place in the summary.
	return len(a.Collections) == maxCollections || strings.IndexByte(a.Summary, '\'') >= 0 || strings.IndexByte(a.Procedure, '\'') >= 0 ||
		slices.ContainsFunc(a.Collections, func(name string) bool { return strings.IndexByte(name, '\'') >= 0 })
}

// value is what a shape does not have: a number, a literal or a comment.
type value struct {
	start, end int
	mark       byte // what the shape has instead, 0 at the end of the text
}

// nextValue returns the first value at or after i. It returns false if the text has no
// shape.
func nextValue(text string, i int, d Dialect) (value, bool) {
	for i < len(text) {
		c := text[i]
		switch {
		case shapeClasses[c]&shapePlain != 0:
			i++
		case isDigit(c):
			if end := shapeNumberEnd(text, i); end > 0 {
				return value{i, end, shapeNumber}, true
			}
			i = shapeDigitsEnd(text, i)
		case c == '\'':
			end := shapeStringEnd(text, i)
			return value{i, end, shapeString}, end > 0
		case c == '/' && i+1 < len(text) && text[i+1] == '*':
			end := shapeCommentEnd(text, i, d)
			return value{i, end, shapeComment}, end > 0
		default:
			if i = shapeMarkEnd(text, i, d); i == 0 {
				return value{}, false
			}
		}
	}
	return value{start: len(text), end: len(text)}, true
}

// shapeNumberEnd returns the end of the number at i, or 0 if it may be a part of something
// else.
func shapeNumberEnd(text string, i int) int {
	if i == 0 || shapeClasses[text[i-1]]&shapeBefore == 0 {
		return 0
	}
	end := shapeDigitsEnd(text, i)
	if end+1 < len(text) && text[end] == '.' && isDigit(text[end+1]) {
		end = shapeDigitsEnd(text, end+1)
	}
	if end < len(text) && shapeClasses[text[end]]&shapeAfter == 0 {
		return 0
	}
	return end
}

func shapeDigitsEnd(text string, i int) int {
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return i
}

// shapeStringEnd returns the end of the literal whose first quote is at i, or 0.
func shapeStringEnd(text string, i int) int {
	before := i - 1
	if before >= 0 && text[before]|0x20 == 'n' { // N'…'
		before--
	}
	if before < 0 || shapeClasses[text[before]]&shapeBefore == 0 {
		return 0
	}
	end := i + 1
	for {
		n := strings.IndexByte(text[end:], '\'')
		if n < 0 || strings.IndexByte(text[end:end+n], '\\') >= 0 {
			return 0
		}
		end += n + 1
		if end == len(text) || text[end] != '\'' {
			break
		}
		if end == i+2 {
			return 0 // ''' may have another meaning
		}
		end++ // a doubled quote is one quote of the literal
	}
	if end < len(text) && shapeClasses[text[end]]&shapeAfter == 0 {
		return 0
	}
	return end
}

// shapeCommentEnd returns the end of the comment at i, or 0 if it is a hint, is code of
// MySQL or MariaDB, holds the start of another comment, or breaks a line before what may be
// data of COPY.
func shapeCommentEnd(text string, i int, d Dialect) int {
	n := strings.Index(text[i+2:], "*/")
	if n < 0 {
		return 0
	}
	content := text[i+2 : i+2+n]
	if content == "" || content[0] == '!' || content[0] == 'M' || content[0] == '+' || d == PostgreSQL && strings.IndexByte(content, '\n') >= 0 || strings.Contains(content, "/*") || content[n-1] == '/' {
		return 0
	}
	return i + n + 4
}

// shapeMarkEnd returns the end of what begins with the mark at i and stays in the shape: a
// quoted identifier or the mark alone. It returns 0 if the text has no shape.
func shapeMarkEnd(text string, i int, d Dialect) int {
	c := text[i]
	if shapeClasses[c]&shapeRefused != 0 {
		return 0
	}
	switch c {
	case '"':
		return shapeQuoteEnd(text, i, c)
	case '`':
		if d != MySQL && d != SQLite {
			return 0
		}
		return shapeQuoteEnd(text, i, c)
	case '%':
		if i+1 < len(text) && text[i+1] == '(' {
			return 0 // a placeholder of Python: %(1)s
		}
	case '[':
		if d == SQLServer || d == SQLite {
			return shapeQuoteEnd(text, i, ']')
		}
	case '-':
		if i+1 < len(text) && text[i+1] == '-' {
			return 0
		}
	case '#':
		if d == MySQL {
			return 0
		}
	case '$':
		if inShapeName(text, i) {
			return plainEnd(text, i)
		}
		if i+1 == len(text) || !isDigit(text[i+1]) {
			return 0
		}
	}
	return i + 1
}

// inShapeName reports whether the byte at i continues an unquoted name such as v$session.
func inShapeName(text string, i int) bool {
	start := i
	for start > 0 && classes[text[start-1]]&classIdent != 0 {
		start--
	}
	return start < i && classes[text[start]]&classLetter != 0 && (start == 0 || shapeClasses[text[start-1]]&shapeBefore != 0)
}

// shapeQuoteEnd returns the end of the quoted identifier at i, or 0 if there may be
// another meaning to it.
func shapeQuoteEnd(text string, i int, quote byte) int {
	n := strings.IndexByte(text[i+1:], quote)
	if n < 0 || strings.ContainsAny(text[i+1:i+1+n], "'\\\"`[") {
		return 0
	}
	end := i + n + 2
	if quote == ']' && end < len(text) && text[end] == quote {
		return 0 // a doubled bracket is one of the name
	}
	return end
}
