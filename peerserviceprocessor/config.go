// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor // import "github.com/ociapm/otelcol-ociapm/peerserviceprocessor"

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// Kind is a kind of call that a CLIENT span can describe.
type Kind string

const (
	// KindDB stands for database calls.
	KindDB Kind = "db"
	// KindHTTP stands for HTTP calls.
	KindHTTP Kind = "http"
	// KindRPC stands for remote procedure calls.
	KindRPC Kind = "rpc"
	// KindMessaging stands for calls to a messaging system.
	KindMessaging Kind = "messaging"
)

// Config is the configuration of the peer_service processor.
type Config struct {
	// Rules name peers; the first rule that matches decides.
	Rules []RuleConfig `mapstructure:"rules"`

	// Default has the templates for spans that no rule names. The first template whose
	// parts are all present decides. Without a change, it has those for database spans,
	// and spans of other kinds have their own.
	Default []string `mapstructure:"default"`

	// Override lets rules and templates replace a peer.service that the
	// application set.
	Override bool `mapstructure:"override"`

	// JoinAutonomousServices gives the services of one Autonomous Database, such as
	// hotel_high and hotel_low, one name.
	JoinAutonomousServices bool `mapstructure:"join_autonomous_services"`

	// Kinds has the kinds of CLIENT spans to name.
	Kinds []Kind `mapstructure:"kinds"`
}

// RuleConfig names the peer of the spans that match.
type RuleConfig struct {
	// Match maps attribute names to globs; a rule matches if all of them do.
	Match map[string]any `mapstructure:"match"`

	// Name is the peer's name, which may have {attribute} parts. The empty
	// string leaves matching spans unchanged.
	Name *string `mapstructure:"name"`
}

// Validate reports all mistakes in the configuration.
func (cfg *Config) Validate() error {
	_, err := compile(cfg)
	return err
}

// program is a compiled configuration.
type program struct {
	rules    []rule
	fallback [dbspan.KindMessaging + 1][]template
	override bool
	join     bool
	kinds    [dbspan.KindMessaging + 1]bool
}

// compile compiles a configuration. Each of its errors names the field, what is wrong
// with it and what to write instead.
func compile(cfg *Config) (*program, error) {
	p := &program{override: cfg.Override, join: cfg.JoinAutonomousServices}
	errs := p.compileKinds(cfg.Kinds)

	databases := len(cfg.Kinds) == 1 && cfg.Kinds[0] == KindDB
	for i := range cfg.Rules {
		r, ruleErrs := compileRule(&cfg.Rules[i])
		for _, err := range ruleErrs {
			errs = append(errs, fmt.Errorf("rules[%d].%w", i, err))
		}
		if len(ruleErrs) > 0 {
			r = rule{} // a placeholder that keeps the numbering
		}
		for j := range p.rules {
			if len(r.conditions) > 0 && len(p.rules[j].conditions) > 0 && p.rules[j].covers(&r, databases) {
				errs = append(errs, fmt.Errorf("rules[%d].match: can never match, because rules[%d] matches everything that it matches; move it before that rule", i, j))
				break
			}
		}
		p.rules = append(p.rules, r)
	}

	for kind, number := range kindNumbers {
		texts := cfg.Default
		if slices.Equal(texts, defaultTemplates[KindDB]) {
			texts = defaultTemplates[kind]
		}
		templates, templateErrs := compileDefault(texts)
		p.fallback[number] = templates
		if kind == KindDB { // each of the others has the same errors, or none
			errs = append(errs, templateErrs...)
		}
	}
	if len(cfg.Rules) == 0 && len(cfg.Default) == 0 {
		errs = append(errs, errors.New("default: is empty and there are no rules, so no span would be named; write a rule or a template"))
	}
	return p, errors.Join(errs...)
}

// defaultTemplates are the templates of each kind if the configuration has no others. An
// RPC service is named before its address, which is often that of one of its pods.
var defaultTemplates = map[Kind][]string{
	KindDB:        {"{service.peer.name}", "{db.system}:{db.namespace}", "{db.system}@{server.address}", "{db.system}"},
	KindHTTP:      {"{service.peer.name}", "{server.address}"},
	KindRPC:       {"{service.peer.name}", "{rpc.service}", "{server.address}"},
	KindMessaging: {"{service.peer.name}", "{messaging.system}:{messaging.destination.name}", "{messaging.system}@{server.address}", "{messaging.system}"},
}

func compileDefault(texts []string) ([]template, []error) {
	var templates []template
	var errs []error
	for i, text := range texts {
		t, err := compileTemplate(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("default[%d]: %w", i, err))
			continue
		}
		for j := range t {
			t[j].own = true
		}
		if n := len(templates); n > 0 && templates[n-1].constant() {
			errs = append(errs, fmt.Errorf("default[%d]: is never used, because the previous template always yields a name; remove one of them", i))
		}
		templates = append(templates, t)
	}
	return templates, errs
}

func (p *program) compileKinds(kinds []Kind) []error {
	var errs []error
	if len(kinds) == 0 {
		errs = append(errs, errors.New("kinds: is empty, so no span would be named; write [db]"))
	}
	for i, kind := range kinds {
		number, ok := kindNumbers[kind]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("kinds[%d]: %q is not known; write db, http, rpc or messaging", i, kind))
		case p.kinds[number]:
			errs = append(errs, fmt.Errorf("kinds[%d]: %s is listed twice; write it once", i, kind))
		default:
			p.kinds[number] = true
		}
	}
	return errs
}

var kindNumbers = map[Kind]dbspan.Kind{
	KindDB:        dbspan.KindDatabase,
	KindHTTP:      dbspan.KindHTTP,
	KindRPC:       dbspan.KindRPC,
	KindMessaging: dbspan.KindMessaging,
}
