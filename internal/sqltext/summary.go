// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"slices"
	"unicode/utf8"
)

// maxSummary is the greatest length of a summary in characters, as the semantic
// conventions have it.
const maxSummary = 255

// summary collects db.query.summary.
type summary struct {
	buf       []byte
	chars     int
	target    int  // where the last target of UPDATE or DELETE was added
	full      bool // a token did not fit: no other one follows, or order would be lost
	separated bool // a statement has ended
}

// add appends an operation or a target.
func (s *summary) add(token string) {
	if s.full || token == "" {
		return
	}
	sep := ""
	if len(s.buf) > 0 {
		sep = " "
		if s.separated {
			sep = "; "
		}
	}
	s.separated = false
	if len(token) > maxSummary*utf8.UTFMax {
		s.full = true
		return
	}
	chars := s.chars + len(sep) + utf8.RuneCountInString(token)
	if chars > maxSummary {
		s.full = true
		return
	}
	s.buf = append(append(s.buf, sep...), token...)
	s.chars = chars
}

// replaceTarget puts another name in the place of the last target of UPDATE or DELETE.
func (s *summary) replaceTarget(target, name string) {
	at := s.target + 1 // the separator
	if at+len(target) > len(s.buf) || string(s.buf[at:at+len(target)]) != target {
		return
	}
	chars := s.chars + utf8.RuneCountInString(name) - utf8.RuneCountInString(target)
	if chars > maxSummary {
		return
	}
	s.buf = slices.Replace(s.buf, at, at+len(target), []byte(name)...)
	s.chars = chars
}

// separate marks the end of a statement.
func (s *summary) separate() {
	s.separated = len(s.buf) > 0
}

// reset forgets what was collected.
func (s *summary) reset() {
	*s = summary{buf: s.buf[:0]}
}

func (s *summary) string() string {
	return string(s.buf)
}
