// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import "unicode/utf8"

// maxSummary is the greatest length of a summary in characters, as the semantic
// conventions have it.
const maxSummary = 255

// summary collects db.query.summary.
type summary struct {
	buf       []byte
	chars     int
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
