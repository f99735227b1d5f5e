// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oracle/oci-go-sdk/v65/common"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
)

// The names of the steps, in order.
const (
	StepDataKey            = "data-key"
	StepAutoActivate       = "auto-activate"
	StepAttributes         = "attributes"
	StepRule               = "rule"
	StepPerformanceHub     = "performance-hub"
	StepOperationsInsights = "operations-insights"
	StepDroppedData        = "dropped-data"
	StepAlarm              = "alarm"
)

// Steps returns the names of all steps, in order.
func Steps() []string {
	return []string{
		StepDataKey, StepAutoActivate, StepAttributes, StepRule, StepPerformanceHub, StepOperationsInsights, StepDroppedData, StepAlarm,
	}
}

// The defaults of options.
const (
	DefaultLogGroup = "otelcol-ociapm"
	// DefaultAlarmQuery fires when an hour passes without spans. The metric has a value
	// for every 15 minutes, and its dimensions are not documented: the alarm counts all
	// domains of the compartment.
	DefaultAlarmQuery = "SpanIngestions[1h].absent()"
)

// Options say what to set up.
type Options struct {
	// DomainID is the OCID of the APM domain.
	DomainID string
	// Auth selects the credentials.
	Auth ociauth.Config
	// UserAgent is the name and version of the program.
	UserAgent string
	// Apply carries the plan out.
	Apply bool
	// Skip lists steps to leave out.
	Skip []string
	// Replace lists steps that change what exists and differs.
	Replace []string
	// CompartmentID is the compartment of log and alarm. Empty means that of the domain.
	CompartmentID string
	// Databases are the databases of the drill-downs to Performance Hub.
	Databases []Database
	// InsightsCompartmentID is the compartment that Operations Insights shows. Empty
	// means that of the domain.
	InsightsCompartmentID string
	// LogGroup is the name of the log group for the dropped-data log. It is created if
	// there is none.
	LogGroup string
	// AlarmTopics are the OCIDs of the topics that the alarm notifies.
	AlarmTopics []string
	// AlarmQuery is the query of the alarm, in Monitoring's query language.
	AlarmQuery string
}

// Database is a database with its OCID.
type Database struct {
	Name string
	ID   string
}

// Validate returns every reason why the options are invalid; each names the flag.
func (o Options) Validate() error {
	var errs []error
	if _, err := o.region(); err != nil {
		errs = append(errs, fmt.Errorf("--apm-domain-id: %w", err))
	}
	if err := o.Auth.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("--auth: %w", err))
	}
	for _, list := range []struct {
		flag  string
		names []string
	}{{"--skip", o.Skip}, {"--replace", o.Replace}} {
		for _, name := range list.names {
			if !slices.Contains(Steps(), name) {
				errs = append(errs, fmt.Errorf("%s: %q is not a step; write some of %s", list.flag, name, strings.Join(Steps(), ", ")))
			}
		}
	}
	for _, name := range o.Replace {
		if slices.Contains(o.Skip, name) {
			errs = append(errs, fmt.Errorf("--replace and --skip both name %s; remove one", name))
		}
	}
	seen := map[string]bool{}
	for _, database := range o.Databases {
		switch {
		case database.Name == "" || !strings.HasPrefix(database.ID, "ocid1."):
			errs = append(errs, errors.New("--database: write NAME=OCID, such as ORCL=ocid1.database.oc1..…"))
		case seen[database.Name]:
			errs = append(errs, fmt.Errorf("--database: %s is there twice; give each database its own name", database.Name))
		}
		seen[database.Name] = true
	}
	for _, ocid := range []struct{ flag, value, kind string }{
		{"--compartment-id", o.CompartmentID, "compartment"},
		{"--operations-insights-compartment-id", o.InsightsCompartmentID, "compartment"},
	} {
		if ocid.value != "" && !strings.HasPrefix(ocid.value, "ocid1."+ocid.kind+".") && !strings.HasPrefix(ocid.value, "ocid1.tenancy.") {
			errs = append(errs, fmt.Errorf("%s: write the OCID of a compartment, ocid1.compartment.…", ocid.flag))
		}
	}
	for _, topic := range o.AlarmTopics {
		if !strings.HasPrefix(topic, "ocid1.onstopic.") && !strings.HasPrefix(topic, "ocid1.stream.") {
			errs = append(errs, errors.New("--alarm-topic: write the OCID of a topic of Notifications, ocid1.onstopic.…, or of a stream"))
		}
	}
	return errors.Join(errs...)
}

func (o Options) region() (common.Region, error) { return ociauth.RegionOf(o.DomainID, "apmdomain") }

func (o Options) skips(step string) bool    { return slices.Contains(o.Skip, step) }
func (o Options) replaces(step string) bool { return slices.Contains(o.Replace, step) }
