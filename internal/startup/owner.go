// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package startup // import "github.com/ociapm/otelcol-ociapm/internal/startup"

import "fmt"

// process is one that holds what this one needs.
type process struct {
	name string
	pid  int
}

func (p process) String() string {
	if p.name == "" {
		return fmt.Sprintf("pid %d", p.pid)
	}
	return fmt.Sprintf("%s (pid %d)", p.name, p.pid)
}
