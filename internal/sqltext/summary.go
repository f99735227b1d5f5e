// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"slices"
	"unicode/utf8"
)

// maxSummary is the maximum length of a summary in characters. Source: semantic
// conventions, db.query.summary.
const maxSummary = 255

// summary builds db.query.summary.
type summary struct {
	buf       []byte
	chars     int
	target    int  // the offset in buf of the last target of UPDATE or DELETE and its separator
	full      bool // an entry did not fit, so later ones are skipped too, to leave no gap
	separated bool // the next entry begins another statement
}

// add appends an operation or a target if it fits.
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

// summaryMark is a state of a summary that restore can return to.
type summaryMark struct {
	length, chars int
	full          bool
}

// mark returns the current state.
func (s *summary) mark() summaryMark {
	return summaryMark{length: len(s.buf), chars: s.chars, full: s.full}
}

// restore removes the entries added since the mark.
func (s *summary) restore(m summaryMark) {
	s.buf, s.chars, s.full = s.buf[:min(m.length, len(s.buf))], m.chars, m.full
}

// replaceTarget replaces the last target of UPDATE or DELETE with another name, if it
// fits.
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

// reset empties the summary.
func (s *summary) reset() {
	*s = summary{buf: s.buf[:0]}
}

func (s *summary) string() string {
	return string(s.buf)
}
