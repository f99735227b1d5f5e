// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"strings"

	"github.com/ociapm/otelcol-ociapm/internal/redact"
)

// minSecret is the minimum length of a secret: shorter words occur in any text.
const minSecret = 8

// secrets are values that no finding shows. The texts of the exporter are already
// without them; this covers everything else, such as the output of the collector.
type secrets struct{ forms redact.Forms }

func (s *secrets) add(value string) {
	value = strings.TrimSpace(value)
	if len(value) >= minSecret {
		s.forms = append(s.forms, redact.FormsOf(value)...)
	}
}

func (s *secrets) clean(text string) string { return redact.Clean(text, s.forms) }
