// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/ociapm/otelcol-ociapm/internal/startup"
	_ "github.com/ociapm/otelcol-ociapm/internal/workdir" // before main, so that a stack is not the first thing that a user sees
)

// newCommand returns otelcol's command, with one sentence for each frequent error.
// `make generate` makes main.go call it.
func newCommand(set otelcol.CollectorSettings) *cobra.Command {
	root := otelcol.NewCommand(set)
	for _, command := range append(root.Commands(), root) {
		run := command.RunE
		if run == nil {
			continue
		}
		command.RunE = func(cmd *cobra.Command, args []string) error {
			return startup.Explain(run(cmd, args), configs(cmd))
		}
	}
	return root
}

// configs returns the values of --config, which otelcol's flag prints as a list.
func configs(cmd *cobra.Command) []string {
	flag := cmd.Flags().Lookup("config")
	if flag == nil {
		return nil
	}
	list := strings.TrimSuffix(strings.TrimPrefix(flag.Value.String(), "["), "]")
	return strings.Split(list, ", ")
}
