// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// filter reports whether a span with these attributes matches. Names are compared
// without case.
type filter func(attributes func(name string) (string, bool)) bool

// filterToken matches one token: a quoted string, a quoted name, an operator or a word.
var filterToken = regexp.MustCompile(`'(?:[^']|'')*'|"[^"]+"|<>|!=|>=|<=|[=<>(),]|[A-Za-z_]\w*|-?\d+(?:\.\d+)?`)

// maxFilter limits the length of a filter, and so the depth of its parentheses.
const maxFilter = 4000

// parseFilter reads a filter of APM's query language: comparisons with =, <>, <, >, <=,
// >=, like, in, "is omitted" and "is not omitted", joined by and, or and parentheses.
// Those are the operators in Oracle's published filters; the grammar is not published,
// and a real domain may accept more.
func parseFilter(text string) (filter, error) {
	if len(text) > maxFilter {
		return nil, fmt.Errorf("the filter has more than %d characters", maxFilter)
	}
	p := &filterParser{}
	rest := text
	for {
		rest = strings.TrimSpace(rest)
		if rest == "" {
			break
		}
		at := filterToken.FindStringIndex(rest)
		if len(at) == 0 || at[0] != 0 {
			return nil, fmt.Errorf("unexpected %q", rest[:1])
		}
		p.tokens = append(p.tokens, rest[:at[1]])
		rest = rest[at[1]:]
	}
	if len(p.tokens) == 0 {
		return nil, errors.New("the filter is empty")
	}
	parsed, err := p.or()
	if err != nil {
		return nil, err
	}
	if token := p.peek(); token != "" {
		return nil, fmt.Errorf("unexpected %s", token)
	}
	return parsed, nil
}

type filterParser struct {
	tokens []string
	at     int
}

func (p *filterParser) peek() string {
	if p.at == len(p.tokens) {
		return ""
	}
	return p.tokens[p.at]
}

func (p *filterParser) next() string {
	token := p.peek()
	if token != "" {
		p.at++
	}
	return token
}

// accept skips the next tokens if they are these words.
func (p *filterParser) accept(words ...string) bool {
	if p.at+len(words) > len(p.tokens) {
		return false
	}
	for i, word := range words {
		if !strings.EqualFold(p.tokens[p.at+i], word) {
			return false
		}
	}
	p.at += len(words)
	return true
}

func (p *filterParser) or() (filter, error) {
	left, err := p.and()
	for err == nil && p.accept("or") {
		var right filter
		first := left
		if right, err = p.and(); err == nil {
			left = func(a func(string) (string, bool)) bool { return first(a) || right(a) }
		}
	}
	return left, err
}

func (p *filterParser) and() (filter, error) {
	left, err := p.condition()
	for err == nil && p.accept("and") {
		var right filter
		first := left
		if right, err = p.condition(); err == nil {
			left = func(a func(string) (string, bool)) bool { return first(a) && right(a) }
		}
	}
	return left, err
}

func (p *filterParser) condition() (filter, error) {
	if p.accept("(") {
		inside, err := p.or()
		if err == nil && !p.accept(")") {
			err = errors.New("a parenthesis is not closed")
		}
		return inside, err
	}
	name := strings.Trim(p.next(), `"`)
	switch {
	case name == "" || strings.ContainsAny(name, "'()=<>,"):
		return nil, fmt.Errorf("the name of an attribute is expected, not %q", name)
	case p.accept("is", "omitted"):
		return func(a func(string) (string, bool)) bool { _, ok := a(name); return !ok }, nil
	case p.accept("is", "not", "omitted"):
		return func(a func(string) (string, bool)) bool { _, ok := a(name); return ok }, nil
	case p.accept("like"):
		return p.like(name)
	case p.accept("in", "("):
		return p.in(name)
	}
	operator := p.next()
	wanted, err := p.value()
	if err != nil {
		return nil, err
	}
	compare, ok := comparisons[operator]
	if !ok {
		return nil, fmt.Errorf("%q is not an operator", operator)
	}
	return func(a func(string) (string, bool)) bool {
		value, ok := a(name)
		return ok && compare(compareValues(value, wanted))
	}, nil
}

var comparisons = map[string]func(int) bool{
	"=":  func(order int) bool { return order == 0 },
	"<>": func(order int) bool { return order != 0 },
	"!=": func(order int) bool { return order != 0 },
	"<":  func(order int) bool { return order < 0 },
	">":  func(order int) bool { return order > 0 },
	"<=": func(order int) bool { return order <= 0 },
	">=": func(order int) bool { return order >= 0 },
}

// compareValues compares two values as numbers if both are, else as text.
func compareValues(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	switch {
	case errX != nil || errY != nil:
		return strings.Compare(a, b)
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func (p *filterParser) value() (string, error) {
	token := p.next()
	if quoted, ok := strings.CutPrefix(token, "'"); ok {
		return strings.ReplaceAll(strings.TrimSuffix(quoted, "'"), "''", "'"), nil
	}
	if _, err := strconv.ParseFloat(token, 64); err != nil {
		return "", fmt.Errorf("a value is a number or text in single quotes, not %q", token)
	}
	return token, nil
}

func (p *filterParser) like(name string) (filter, error) {
	pattern, err := p.value()
	if err != nil {
		return nil, err
	}
	expression := regexp.MustCompile("(?is)^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), "%", ".*") + "$")
	return func(a func(string) (string, bool)) bool {
		value, ok := a(name)
		return ok && expression.MatchString(value)
	}, nil
}

func (p *filterParser) in(name string) (filter, error) {
	var wanted []string
	for {
		value, err := p.value()
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, value)
		if p.accept(")") {
			break
		}
		if !p.accept(",") {
			return nil, errors.New("the values of in are separated by commas, in parentheses")
		}
	}
	return func(a func(string) (string, bool)) bool {
		value, ok := a(name)
		return ok && slices.Contains(wanted, value)
	}, nil
}
