// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ociapm/otelcol-ociapm/cmd/apmctl/internal/drain"
)

const drainLong = `drain waits until the collector on this machine has uploaded what it holds: its queues are empty, and
no trace waits for a decision. It changes nothing, and does not keep the collector from accepting
data: take it out of its Service or load balancer first.

The Helm chart uses it in Kubernetes: before a gateway with a queue exits, and in the Job that
uploads what a removed replica left on its volume.

Exit codes: 0 nothing is left; 1 something is left, which the output names; 2 the command did not
run, for example because of a wrong flag.`

func newDrainCommand() *cobra.Command {
	const metrics, status = "metrics", "status"
	var metricsAddress, statusAddress string
	var timeout time.Duration
	var giveUp bool
	options := drain.Options{Poll: 500 * time.Millisecond}
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Wait until the collector has uploaded what it holds",
		Long:  drainLong,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			options.Metrics = "http://" + metricsAddress + "/metrics"
			if giveUp {
				options.Status = "http://" + statusAddress + "/status"
			}
			if err := drain.Run(ctx, options); err != nil {
				return &exitError{code: 1, message: err.Error()}
			}
			message := "nothing is left to upload"
			if options.Backlog {
				message = "what was queued is uploaded"
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), message)
			return err
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.DurationVar(&options.AtLeast, "at-least", 0, "`time` to wait in any case, in which senders notice that the collector is about to exit")
	flags.DurationVar(&timeout, "timeout", 0, "`time` after which to give up; by default never")
	flags.BoolVar(&options.Backlog, "backlog", false, "do not wait for what arrives meanwhile: senders that stay connected notice only when the collector exits")
	flags.BoolVar(&giveUp, "give-up", false, "give up when uploads fail")
	flags.StringVar(&metricsAddress, metrics, "localhost:8888", "`host:port` of the collector's own metrics")
	flags.StringVar(&statusAddress, status, "localhost:13134", "`host:port` of the component status, for --give-up")
	return cmd
}
