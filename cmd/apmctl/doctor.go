// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ociapm/otelcol-ociapm/cmd/apmctl/internal/doctor"
	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
)

// defaultWait is how long the test trace may take to arrive. Oracle publishes no figure
// for the time between upload and display.
const defaultWait = 30 * time.Second

const doctorLong = `doctor finds out why APM does not show an app. It examines, in this order, the collector's
configuration and variables, the way to the APM domain (DNS, TCP, proxy, TLS, an empty upload, the
clock), the queue, the ports, the collector's health and metrics, and the app's exporter. Then it
sends a test trace through the collector, and reads it back from the sandbox or, with an OCI
identity, from the domain.

Each finding has a mark: ✓ nothing to do, ✗ something to do, which the next line says, – does not
apply. It shows no key and changes nothing; the test trace stays in the domain.

Without --config it examines the collector that runs on this machine, or else the package's
configuration. The package's variables and the folder of the queue can be read by root:

  sudo apmctl doctor

Exit codes: 0 no ✗; 1 at least one; 2 the command did not run, for example because of a wrong flag.`

const doctorExample = `  apmctl doctor
  apmctl doctor --config agent.yaml --config mine.yaml --env-file otelcol.env
  apmctl doctor --app-pid "$(pgrep -f hotel.py)"
  apmctl doctor --apm-domain-id ocid1.apmdomain.oc1.phx.… --profile DEFAULT
  apmctl doctor --json | jq -r '.findings[] | select(.status == "failed").text'
  kubectl exec -n observability daemonset/otelcol-ociapm -- /apmctl doctor`

func newDoctorCommand() *cobra.Command {
	options := doctor.Options{Wait: defaultWait, DomainID: os.Getenv(domainEnv)}
	var auth, profile, configFile string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Find out why APM does not show an app",
		Long:    doctorLong,
		Example: doctorExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options.Auth = ociauth.Config{Type: ociauth.Type(auth), Profile: profile, ConfigFile: configFile}
			if err := options.Auth.Validate(); err != nil {
				return fmt.Errorf("--auth: %w", err)
			}
			if options.Wait <= 0 {
				return errors.New("--wait: must be positive, such as 30s")
			}
			if _, err := ociauth.RegionOf(options.DomainID, "apmdomain"); cmd.Flags().Changed("apm-domain-id") && err != nil {
				return fmt.Errorf("--apm-domain-id: %w", err)
			}
			if options.PID != 0 && len(options.Configs) > 0 {
				return errors.New("--pid and --config both name a collector; keep one of them")
			}
			options.UserAgent = "apmctl/" + cmd.Root().Version
			result := doctor.Run(cmd.Context(), options)
			out := cmd.OutOrStdout()
			var err error
			if asJSON {
				err = result.WriteJSON(out)
			} else {
				err = result.WriteText(out, isTerminal(out))
			}
			if err != nil {
				return err
			}
			if failed := result.Failed(); failed > 0 {
				cmd.SilenceErrors = true
				return &exitError{code: 1, message: fmt.Sprintf("%d of the checks failed", failed)}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&options.Configs, "config", nil, "`configuration` of the collector, as its own --config; repeat it for more")
	flags.StringArrayVar(&options.EnvFiles, "env-file", nil, "`file` with variables, as systemd's EnvironmentFile; repeat it for more")
	flags.IntVar(&options.PID, "pid", 0, "`id` of the collector's process, if several run on this machine")
	flags.StringVar(&options.Program, "collector", "", "`path` of the collector, which validates the configuration; by default it is searched for")
	flags.StringVar(&options.OTLP, "otlp", "", "`host:port` of a collector on another machine, which takes the test trace over HTTP")
	flags.IntVar(&options.AppPID, "app-pid", 0, "`id` of an app's process, whose variables are examined")
	flags.DurationVar(&options.Wait, "wait", options.Wait, "`time` that the test trace may take to arrive")
	flags.BoolVar(&asJSON, "json", false, "write JSON")
	flags.StringVar(&options.DomainID, "apm-domain-id", options.DomainID, "`OCID` of the APM domain to read the test trace from; also from "+domainEnv)
	addAuthFlags(cmd, &auth, &profile, &configFile)
	return cmd
}

// isTerminal reports whether text written to out is seen on a terminal.
func isTerminal(out any) bool {
	file, isFile := out.(*os.File)
	if !isFile || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
