// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// peerRules collects the rules of the peer_service processor that name the callees of
// all services: in a configuration there can be only one list of them.
type peerRules struct {
	rules map[string]peerRule // by the conditions in lower case
	// database and other report whether there are rules for databases, and for
	// other callees.
	database, other bool
}

type peerRule struct {
	conditions []string
	name       string
}

// plainYAML matches text that YAML reads as a string and that a glob matches
// literally.
var plainYAML = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// yamlText quotes a value if necessary: every JSON string is YAML. It escapes the
// characters that YAML does not allow, and those that a reader would not see or that turn
// the direction of the text.
func yamlText(text string) string {
	if plainYAML.MatchString(text) && !slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}, strings.ToLower(text)) {
		return text
	}
	quoted, err := json.Marshal(text)
	if err != nil { // a string always encodes
		return `""`
	}
	var escaped strings.Builder
	for _, c := range string(quoted) {
		switch {
		case !unicode.In(c, unicode.Cc, unicode.Cf):
			escaped.WriteRune(c)
		case c > math.MaxUint16:
			fmt.Fprintf(&escaped, `\U%08x`, c)
		default:
			fmt.Fprintf(&escaped, `\u%04x`, c)
		}
	}
	return escaped.String()
}

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// canBeNamed reports whether the processor can name the callee.
func (c callee) canBeNamed() bool {
	return c.kind == NodeDatabase || (c.kind != "other" && cmp.Or(c.address, c.id) != "")
}

// rule returns the rule that names the callee.
func (c callee) rule() peerRule {
	match := map[string]string{}
	if c.kind == NodeDatabase {
		match["db.system"] = globEscaper.Replace(c.system)
		if c.namespace != "" {
			match["db.namespace"] = globEscaper.Replace(c.namespace)
		}
	} else if c.marker != "" {
		// A database may be at the same address.
		match[c.marker] = "*"
	}
	switch {
	case c.urlGlob != "":
		match["url.full"] = c.urlGlob
	case c.address != "":
		match["server.address"] = globEscaper.Replace(c.address)
	case c.id != "":
		match[c.idName] = globEscaper.Replace(c.id)
	}
	r := peerRule{name: c.suggestedName()}
	for _, name := range slices.Sorted(maps.Keys(match)) {
		r.conditions = append(r.conditions, name+": "+yamlText(match[name]))
	}
	return r
}

// suggestedName returns the name that the processor gives without rules, as far
// as it is valid in a configuration.
func (c callee) suggestedName() string {
	name := cmp.Or(c.address, c.id)
	if c.kind == NodeDatabase {
		name = c.system
		switch {
		case c.namespace != "":
			name += "-" + c.namespace
		case c.address != "":
			name += "-" + c.address
		}
	}
	// The processor would read braces as a template.
	return strings.NewReplacer("{", "", "}", "").Replace(name)
}

// add adds the rule that names a callee, if there is one.
func (r *peerRules) add(c callee) {
	if !c.canBeNamed() {
		return
	}
	rule := c.rule()
	if rule.name == "" {
		return // nothing but braces
	}
	// The processor ignores case, and does not accept a rule that can never match.
	key := strings.ToLower(strings.Join(rule.conditions, ", "))
	if _, ok := r.rules[key]; !ok && len(r.rules) >= maxUnknown {
		return
	}
	if r.rules == nil {
		r.rules = map[string]peerRule{}
	}
	if before, ok := r.rules[key]; !ok || rule.name < before.name {
		r.rules[key] = rule
	}
	r.database = r.database || c.kind == NodeDatabase
	r.other = r.other || c.kind != NodeDatabase
}

// config returns the collector configuration with the rules, or "".
func (r *peerRules) config() string {
	if len(r.rules) == 0 {
		return ""
	}
	lines := []string{"processors:", "  peer_service:"}
	if r.other {
		// All of them, since this may replace another list.
		lines = append(lines, "    kinds: [db, http, rpc, messaging]")
	}
	lines = append(lines, "    rules:")
	// A rule before one with more conditions could match everything that it matches.
	keys := slices.SortedFunc(maps.Keys(r.rules), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(r.rules[y].conditions), len(r.rules[x].conditions)), cmp.Compare(x, y))
	})
	for _, key := range keys {
		rule := r.rules[key]
		lines = append(lines,
			"      - match: {"+strings.Join(rule.conditions, ", ")+"}",
			"        name: "+yamlText(rule.name))
	}
	if r.database {
		lines = append(lines,
			"service:",
			"  pipelines:",
			"    traces:",
			"      processors: [memory_limiter, resource_detection, db_span_enricher, peer_service]")
	}
	return strings.Join(lines, "\n") + "\n"
}
