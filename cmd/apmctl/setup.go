// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ociapm/otelcol-ociapm/cmd/apmctl/internal/setup"
	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
)

const domainEnv = "APM_DOMAIN_ID"

const setupLong = `setup switches on everything in an APM domain that the collector relies on. Each step looks first:

  data-key             a private data key, if the domain has none
  auto-activate        automatic activation of new attributes; on in every new domain
  attributes           activation of the attributes that the collector adds
  rule                 "OpenTelemetry to APM naming conversion"; without it databases are "External Unknown"
  performance-hub      a link from SQL statements to Performance Hub, for each --database
  operations-insights  a link from SQL statements to Operations Insights
  dropped-data         the service log of data that APM dropped, with its log group
  alarm                an alarm for an hour without spans, which notifies --alarm-topic

It prints a plan. --apply carries it out; a second time changes nothing. What exists and differs is
shown and left alone, unless --replace names the step. A step that fails, for example because of a
missing policy, does not keep the others from being carried out.

In the compartment of the APM domain, the caller needs these policies (a step that lacks one names it):

  Allow group <group> to use apm-domains in compartment <compartment>
  Allow group <group> to manage logging-family in compartment <compartment>
  Allow group <group> to manage alarms in compartment <compartment>
  Allow group <group> to read metrics in compartment <compartment>`

const setupExample = `  apmctl setup --apm-domain-id ocid1.apmdomain.oc1.phx.…
  apmctl setup --apm-domain-id ocid1.apmdomain.oc1.phx.… --apply
  apmctl setup --apply --skip alarm,dropped-data --replace rule
  apmctl setup --apply --database ORCL=ocid1.database.oc1.phx.… --alarm-topic ocid1.onstopic.oc1.phx.…`

func newSetupCommand() *cobra.Command {
	options := setup.Options{DomainID: os.Getenv(domainEnv), LogGroup: setup.DefaultLogGroup, AlarmQuery: setup.DefaultAlarmQuery}
	var auth, profile, configFile string
	var databases []string
	cmd := &cobra.Command{
		Use:     "setup",
		Short:   "Set up an APM domain: a plan first, --apply carries it out",
		Long:    setupLong,
		Example: setupExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options.Auth = ociauth.Config{Type: ociauth.Type(auth), Profile: profile, ConfigFile: configFile}
			options.UserAgent = "apmctl/" + cmd.Root().Version
			for _, pair := range databases {
				name, id, _ := strings.Cut(pair, "=")
				options.Databases = append(options.Databases, setup.Database{Name: name, ID: id})
			}
			if err := options.Validate(); err != nil {
				return err
			}
			summary, err := setup.Run(cmd.Context(), options, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			if summary.Failed > 0 {
				return &exitError{code: 1, message: fmt.Sprintf("%d of the steps failed", summary.Failed)}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&options.DomainID, "apm-domain-id", options.DomainID, "`OCID` of the APM domain; also from "+domainEnv)
	flags.BoolVar(&options.Apply, "apply", false, "carry the plan out")
	flags.StringSliceVar(&options.Skip, "skip", nil, "`steps` to leave out, separated by commas")
	flags.StringSliceVar(&options.Replace, "replace", nil, "`steps` that may change what exists and differs")
	flags.StringArrayVar(&databases, "database", nil, "`NAME=OCID` of a database for performance-hub; repeat it for more")
	flags.StringVar(&options.InsightsCompartmentID, "operations-insights-compartment-id", "", "`OCID` of the compartment that operations-insights shows; by default the domain's")
	flags.StringVar(&options.CompartmentID, "compartment-id", "", "`OCID` of the compartment for log and alarm; by default the domain's")
	flags.StringVar(&options.LogGroup, "log-group", options.LogGroup, "`name` of the log group; created if there is none")
	flags.StringArrayVar(&options.AlarmTopics, "alarm-topic", nil, "`OCID` of a topic of Notifications; repeat it for more")
	flags.StringVar(&options.AlarmQuery, "alarm-query", options.AlarmQuery, "`query` of the alarm, in Monitoring's query language")
	addAuthFlags(cmd, &auth, &profile, &configFile)
	return cmd
}

// addAuthFlags adds the flags that select the credentials, as auth does in the
// collector's configuration.
func addAuthFlags(cmd *cobra.Command, auth, profile, configFile *string) {
	flags := cmd.Flags()
	flags.StringVar(auth, "auth", "", "`type` of credentials: instance_principal, workload_identity, resource_principal, config_file or session_token; by default the first that this machine has")
	flags.StringVar(profile, "profile", "", "`profile` of the OCI configuration file; by default DEFAULT")
	flags.StringVar(configFile, "config-file", "", "`path` of the OCI configuration file; by default OCI_CONFIG_FILE or ~/.oci/config")
}
