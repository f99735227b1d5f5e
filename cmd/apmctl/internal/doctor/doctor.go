// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/environment"
	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter"
)

// Options select the collector to examine.
type Options struct {
	// Configs are the values of the collector's --config. Without any, the doctor
	// examines the collector that runs on this machine, or else the package's.
	Configs []string
	// EnvFiles are files with variables, in the format of systemd's EnvironmentFile.
	EnvFiles []string
	// PID is the id of a collector that runs on this machine, to examine this one; 0 is
	// any.
	PID int
	// Program is the path of the collector; "" searches for it.
	Program string
	// AppPID is the id of an app's process, whose variables are examined, too; 0 is none.
	AppPID int
	// OTLP is the address, host:port, at which a collector on another machine accepts
	// OTLP over HTTP. What belongs to its machine is then left out.
	OTLP string
	// Wait is how long the test trace may take to arrive.
	Wait time.Duration
	// DomainID is the OCID of the APM domain in which to look for the test trace; "" is
	// the one in the configuration, if there is one.
	DomainID string
	// Auth selects the credentials for OCI.
	Auth ociauth.Config
	// UserAgent is the name and version of this program.
	UserAgent string

	root string // of the file system, for tests; "" is /
}

// check examines one part of the collector.
type check interface {
	run(ctx context.Context, p *patient) []Finding
}

// checks returns all checks, in their order. A check uses what the ones before it have
// found out.
func checks() []check {
	return []check{
		configurationCheck{},
		variablesCheck{},
		pipelinesCheck{},
		uploadCheck{},
		queueFolderCheck{},
		collectorCheck{},
		queueContentCheck{},
		portsCheck{},
		metricsCheck{},
		appCheck{},
		traceCheck{},
	}
}

// machineFindings are the findings of the checks that look at the collector's machine.
var machineFindings = map[check][]string{
	queueFolderCheck{}:  {QueueFolder, QueueSpace, QueueLock},
	collectorCheck{}:    {Collector},
	queueContentCheck{}: {QueueContent},
	portsCheck{}:        {Ports},
	metricsCheck{}:      {Received, Delivered},
	appCheck{}:          {AppExporter},
}

// patient is the collector, and what is known about it so far.
type patient struct {
	options Options
	source  source
	// settings is nil if the configuration cannot be read.
	settings *settings
	// variables are those that the configuration reads.
	variables *variables
	secrets   *secrets

	// upload is the outcome of an empty upload of traces; zero if none was made.
	upload  ociapmexporter.Probe
	running running
	metrics metrics
}

// uploads reports whether APM accepts traces.
func (p *patient) uploads() bool { return p.upload.URL != "" && p.upload.Problem == "" }

// Run makes all checks.
func Run(ctx context.Context, options Options) Report {
	p := &patient{options: options, variables: &variables{}, secrets: &secrets{}}
	var problem error
	p.source, problem = findSource(options)
	if problem != nil {
		return Report{Subject: "No collector found.", Findings: []Finding{failed(Configuration, problem.Error(), "")}}
	}
	p.source.apply()
	p.running.healthy = options.OTLP != ""
	p.variables.problems = repairEnvironment()
	p.secrets.addEnvironment()
	result := Report{Subject: p.source.subject}
	for _, c := range checks() {
		if ids := machineFindings[c]; options.OTLP != "" && len(ids) > 0 {
			for _, id := range ids {
				result.Findings = append(result.Findings, skipped(id, "the collector is on another machine"))
			}
			continue
		}
		result.Findings = append(result.Findings, c.run(ctx, p)...)
	}
	result.Findings = inOrder(result.Findings)
	for i, f := range result.Findings {
		result.Findings[i].Text, result.Findings[i].Advice = p.secrets.clean(f.Text), p.secrets.clean(f.Advice)
	}
	return result
}

// repairEnvironment changes this process's variables as the collector does on startup.
func repairEnvironment() []string {
	_ = environment.UnsetBlank() // fails only for names that no variable has
	problems, _ := environment.RepairResourceAttributes()
	return problems
}

// inOrder sorts findings by the order of their ids.
func inOrder(findings []Finding) []Finding {
	var sorted []Finding
	for _, id := range IDs() {
		for _, f := range findings {
			if f.ID == id {
				sorted = append(sorted, f)
			}
		}
	}
	return sorted
}

// secretNames are parts of the names of variables whose values must not be shown.
var secretNames = []string{"KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD"}

// addEnvironment adds the values of variables that look like secrets.
func (s *secrets) addEnvironment() {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		for _, part := range secretNames {
			if strings.Contains(strings.ToUpper(name), part) && !strings.HasSuffix(strings.ToUpper(name), "_FILE") {
				s.add(value)
			}
		}
	}
}
