// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor // import "github.com/ociapm/otelcol-ociapm/peerserviceprocessor"

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// rule names the peer of the spans that meet all its conditions.
type rule struct {
	conditions []condition
	name       template // nil leaves the span unchanged
}

type condition struct {
	attribute attrRef
	pattern   string
	glob      glob
	// system is the database that the pattern names, if it names one. Then all names
	// of that database match.
	system dbspan.System
}

// compileRule compiles a rule. Its errors begin with the wrong field.
func compileRule(cfg *RuleConfig) (rule, []error) {
	var errs []error
	var r rule
	if len(cfg.Match) == 0 {
		errs = append(errs, errors.New("match: is empty; write the attributes and globs to match, or put the name into default"))
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Match)) {
		c, err := compileCondition(name, cfg.Match[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("match: %w", err))
			continue
		}
		r.conditions = append(r.conditions, c)
	}
	switch {
	case cfg.Name == nil:
		errs = append(errs, errors.New(`name: is missing; write the peer's name, or "" to leave the spans unchanged`))
	case *cfg.Name != "":
		name, err := compileTemplate(*cfg.Name)
		if err != nil {
			errs = append(errs, fmt.Errorf("name: %w", err))
		}
		r.name = name
	}
	return r, errs
}

func compileCondition(name string, value any) (condition, error) {
	if strings.TrimSpace(name) == "" {
		return condition{}, errors.New("has an empty attribute name; write one, such as server.address")
	}
	pattern, err := patternText(value)
	if err != nil {
		return condition{}, fmt.Errorf("%s %w", name, err)
	}
	g, err := compileGlob(pattern)
	if err != nil {
		return condition{}, fmt.Errorf("%s: %q is not a glob: %w", name, pattern, err)
	}
	c := condition{attribute: newAttrRef(name), pattern: pattern, glob: g}
	if c.attribute.isSystem() && len(g.tokens) == 0 {
		c.system, _ = dbspan.LookupSystem(pattern)
	}
	return c, nil
}

// patternText returns the pattern that a YAML value stands for: server.port: 1521 needs
// no quotes.
func patternText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		if v == "" {
			return "", errors.New(`has an empty glob, which matches nothing; write "*" for any value`)
		}
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case bool:
		return strconv.FormatBool(v), nil
	case nil:
		return "", errors.New(`has no glob; write one, such as "*"`)
	default:
		return "", fmt.Errorf("has a %T, not a glob; write one rule for each alternative", value)
	}
}

// matches reports whether a span meets all conditions.
func (r *rule) matches(span *spanView) bool {
	for i := range r.conditions {
		if !r.conditions[i].matches(span) {
			return false
		}
	}
	return true
}

func (c *condition) matches(span *spanView) bool {
	if c.attribute.isSystem() {
		return c.matchesSystem(span)
	}
	value := c.attribute.value(span)
	return value != "" && c.glob.match(value)
}

// matchesSystem reports whether any name of the span's database system matches: the one
// that the application sent, or that of either generation of the conventions.
func (c *condition) matchesSystem(span *spanView) bool {
	if span.kind != dbspan.KindDatabase {
		return false
	}
	db := span.db
	if !c.system.IsZero() {
		return c.system.Legacy == db.System.Legacy ||
			c.glob.match(db.Sent.System) || c.glob.match(db.Sent.SystemName)
	}
	return c.glob.match(db.System.Legacy) || c.glob.match(db.System.Stable) ||
		db.Sent.System != "" && c.glob.match(db.Sent.System) ||
		db.Sent.SystemName != "" && c.glob.match(db.Sent.SystemName)
}

// covers reports whether r matches every span that other matches, as far as the patterns
// show. With databases, the processor names only database spans, which all have a system.
func (r *rule) covers(other *rule, databases bool) bool {
	for i := range r.conditions {
		c := &r.conditions[i]
		if databases && c.attribute.isSystem() && c.glob.any() {
			continue
		}
		if !slices.ContainsFunc(other.conditions, func(o condition) bool { return c.covers(&o) }) {
			return false
		}
	}
	return true
}

func (c *condition) covers(other *condition) bool {
	if c.attribute.canonical() != other.attribute.canonical() {
		return false
	}
	switch {
	case c.glob.any(), strings.EqualFold(c.pattern, other.pattern):
		return true
	case !c.system.IsZero():
		return c.system == other.system
	default:
		return len(other.glob.tokens) == 0 && c.glob.match(other.pattern)
	}
}
