// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package startup words the problems that keep a collector from starting. Each is one
// sentence: what is wrong, and what to do. The collector prints it as its last line.
package startup // import "github.com/ociapm/otelcol-ociapm/internal/startup"

import "errors"

// Problem is an error whose text is a sentence for the user.
type Problem struct {
	sentence string
	cause    error
}

// Error returns the sentence.
func (p *Problem) Error() string { return p.sentence }

// Unwrap returns the error that the sentence explains, or nil.
func (p *Problem) Unwrap() error { return p.cause }

// Explain returns the Problem that an error of otelcol's command is about. Any other
// error is returned unchanged, and so is an error that joins several. The configs are
// the values of --config.
func Explain(err error, configs []string) error {
	if err == nil || joined(err) {
		return err
	}
	var problem *Problem
	if errors.As(err, &problem) {
		return problem
	}
	if address, ok := takenAddress(err); ok {
		return PortInUse(address, err)
	}
	return explainConfig(err, configs)
}

// joined reports whether an error wraps more than one other.
func joined(err error) bool {
	for err != nil {
		if several, ok := err.(interface{ Unwrap() []error }); ok {
			parts := several.Unwrap()
			if len(parts) != 1 {
				return len(parts) > 1
			}
			err = parts[0]
			continue
		}
		err = errors.Unwrap(err)
	}
	return false
}
