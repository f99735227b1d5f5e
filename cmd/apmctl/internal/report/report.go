// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package report writes findings as text for people: a symbol, a name and a sentence
// each, in 100 columns.
package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Width is the maximum length of a line in characters.
const Width = 100

// The symbols of findings.
const (
	Good    = "✓"
	Bad     = "✗"
	Skipped = "–"
	Added   = "+"
	Changed = "~"
	Unknown = "?"
)

// Finding is one line of a report, or several if its text is long.
type Finding struct {
	Symbol string
	Name   string
	Text   string
	// Details are further sentences, each on its own line.
	Details []string
}

// Write writes findings. Their texts start in the same column.
func Write(w io.Writer, findings []Finding) error {
	widest := 0
	for _, finding := range findings {
		widest = max(widest, utf8.RuneCountInString(finding.Name))
	}
	for _, finding := range findings {
		name := finding.Name + strings.Repeat(" ", widest-utf8.RuneCountInString(finding.Name))
		first := fmt.Sprintf("  %s %s  ", finding.Symbol, name)
		indent := strings.Repeat(" ", utf8.RuneCountInString(first))
		lines := Wrap(finding.Text, Width-len(indent))
		for _, detail := range finding.Details {
			for i, line := range Wrap(detail, Width-len(indent)-2) {
				lines = append(lines, bullet(i)+line)
			}
		}
		for i, line := range lines {
			prefix := indent
			if i == 0 {
				prefix = first
			}
			if _, err := fmt.Fprintln(w, prefix+line); err != nil {
				return err
			}
		}
	}
	return nil
}

// Wrap splits text into lines of at most width characters, between words if possible.
// Control characters are left out: text of a server must not control the terminal.
func Wrap(text string, width int) []string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		last := lines[len(lines)-1]
		for utf8.RuneCountInString(word) > width {
			if last != "" {
				lines = append(lines, "")
			}
			characters := []rune(word)
			lines[len(lines)-1] = string(characters[:width])
			lines = append(lines, "")
			word, last = string(characters[width:]), ""
		}
		switch {
		case last == "":
			lines[len(lines)-1] = word
		case utf8.RuneCountInString(last)+1+utf8.RuneCountInString(word) <= width:
			lines[len(lines)-1] = last + " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// bullet returns the start of a line of a detail.
func bullet(line int) string {
	if line == 0 {
		return "- "
	}
	return "  "
}
