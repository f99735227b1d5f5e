// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ociapm/otelcol-ociapm/internal/buildversion"
)

// version is set by the linker: -X main.version=v1.2.3.
var version string

const long = `apmctl sets up an Oracle Cloud Infrastructure APM domain for the otelcol-ociapm collector.

Exit codes: 0 success; 1 something is left to do, which the output names; 2 the command did not
run, for example because of a wrong flag.`

// newCommand returns the root command of apmctl.
func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:          "apmctl",
		Short:        "Set up an OCI APM domain",
		Long:         long,
		Version:      buildversion.Text(version),
		SilenceUsage: true,
	}
	cmd.AddCommand(newDoctorCommand(), newDrainCommand(), newSetupCommand(), newVersionCommand())
	return cmd
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), cmd.Root().Version)
			return err
		},
	}
}
