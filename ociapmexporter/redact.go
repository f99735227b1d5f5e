// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/ociapm/otelcol-ociapm/internal/redact"
)

// secrets has the values that must not appear in any log line, error or status: the data
// keys of the last uploads, and the headers of the configuration. An answer can repeat a
// key, and so can an error if a key was written into the wrong field.
type secrets struct {
	mu    sync.Mutex
	keys  []string     // the newest first
	forms redact.Forms // of the keys
	fixed redact.Forms
}

// maxKeys is how many data keys are remembered: those of concurrent uploads, and their
// successors.
const maxKeys = 4

// newSecrets returns the secrets of a configuration: its data key, if it has one,
// and the values of the headers that it adds.
func newSecrets(key string, headers configopaque.MapList) *secrets {
	s := &secrets{}
	for _, value := range headers.Iter {
		if len(value) >= redact.MinLength {
			s.fixed = append(s.fixed, redact.FormsOf(string(value))...)
		}
	}
	s.use(key)
	return s
}

// use records the data key of an upload.
func (s *secrets) use(key string) {
	key = strings.TrimSpace(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if key == "" || len(s.keys) > 0 && s.keys[0] == key {
		return
	}
	keys := slices.DeleteFunc(slices.Clone(s.keys), func(other string) bool { return other == key })
	s.keys = append([]string{key}, keys...)
	s.keys = s.keys[:min(len(s.keys), maxKeys)]
	s.forms = nil
	for _, key := range s.keys {
		s.forms = append(s.forms, redact.FormsOf(key)...)
	}
}

// clean returns a text without secrets.
func (s *secrets) clean(text string) string {
	s.mu.Lock()
	forms := slices.Concat(s.fixed, s.forms)
	s.mu.Unlock()
	return redact.Clean(text, forms)
}

// cleanError is an error with the secrets removed from its text. errors.Is and
// errors.As still find what it wraps.
type cleanError struct {
	text string
	err  error
}

// Error returns the text without secrets.
func (e *cleanError) Error() string { return e.text }

// Unwrap returns the original error.
func (e *cleanError) Unwrap() error { return e.err }

// cleaned returns the error without secrets in its text.
func (s *secrets) cleaned(err error) error {
	text := err.Error()
	if clean := s.clean(text); clean != text {
		return &cleanError{text: clean, err: err}
	}
	return err
}
