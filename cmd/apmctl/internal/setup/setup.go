// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"

	"github.com/ociapm/otelcol-ociapm/cmd/apmctl/internal/report"
)

// Setup switches on everything in one APM domain.
type Setup struct {
	options Options
	clients *clients
	out     io.Writer

	// What GetApmDomain returned. The compartment is empty if the call failed.
	domainName  string
	compartment string
}

// Summary counts the results of a run.
type Summary struct {
	// Results are the final results, in the order of the steps.
	Results []Result
	// Changes is the number of steps that changed something.
	Changes int
	// ToDo is the number of steps that --apply would carry out, and Uncertain the number
	// of those of which OCI cannot say whether they are needed.
	ToDo, Uncertain int
	// Failed is the number of steps that failed.
	Failed int
	// Differing is the number of steps with something that exists, differs and was left
	// alone.
	Differing int
	// LeftOut is the number of steps that were left out.
	LeftOut int
}

// Run prints the plan to out, and carries it out if the options say so. A step that
// fails does not keep the others from being carried out. An error means that none was.
func Run(ctx context.Context, options Options, out io.Writer) (Summary, error) {
	if err := options.Validate(); err != nil {
		return Summary{}, err
	}
	c, err := newClients(ctx, options)
	if err != nil {
		return Summary{}, err
	}
	defer c.close()
	s := &Setup{options: options, clients: c, out: out}
	if err := s.findDomain(ctx); err != nil {
		return Summary{}, err
	}
	return s.run(ctx)
}

func (s *Setup) steps() []step {
	return []step{
		{StepDataKey, s.checkDataKey},
		{StepAutoActivate, s.checkAutoActivate},
		{StepAttributes, s.checkAttributes},
		{StepRule, s.checkRule},
		{StepPerformanceHub, s.checkPerformanceHub},
		{StepOperationsInsights, s.checkOperationsInsights},
		{StepDroppedData, s.checkDroppedData},
		{StepAlarm, s.checkAlarm},
	}
}

func (s *Setup) run(ctx context.Context) (Summary, error) {
	steps := s.steps()
	findings := make([]finding, len(steps))
	results := make([]Result, len(steps))
	for i, step := range steps {
		findings[i] = s.check(ctx, step)
		results[i] = Result{Step: step.name, Status: findings[i].status, Text: findings[i].text, Differences: findings[i].differences}
	}
	if err := ctx.Err(); err != nil {
		return Summary{}, err
	}
	if err := s.print("Plan:", results); err != nil {
		return Summary{}, err
	}
	changes := 0
	if s.options.Apply && slices.ContainsFunc(findings, func(f finding) bool { return f.apply != nil }) {
		var applied []Result
		for i, f := range findings {
			if f.apply == nil {
				continue
			}
			var changed bool
			results[i], changed = s.apply(ctx, steps[i].name, f)
			if changed {
				changes++
			}
			applied = append(applied, results[i])
		}
		if err := s.print("Applied:", applied); err != nil {
			return Summary{}, err
		}
	}
	summary := summarize(results, changes)
	return summary, s.printSummary(summary)
}

// check returns the current state of a step. In a plan that is not carried out, OCI
// validates the change too, where it can.
func (s *Setup) check(ctx context.Context, step step) finding {
	if s.options.skips(step.name) {
		return leftOut("left out by --skip")
	}
	found, err := step.check(ctx)
	if err == nil && found.dryRun != nil && !s.options.Apply {
		err = found.dryRun(ctx)
	}
	if err != nil {
		return finding{status: StatusFailed, text: err.Error()}
	}
	return found
}

func (s *Setup) apply(ctx context.Context, step string, f finding) (result Result, changed bool) {
	done, changed, err := f.apply(ctx)
	switch {
	case err != nil:
		return Result{Step: step, Status: StatusFailed, Text: err.Error()}, false
	case !changed:
		return Result{Step: step, Status: StatusPresent, Text: done}, false
	}
	return Result{Step: step, Status: StatusDone, Text: done}, true
}

func summarize(results []Result, changes int) Summary {
	summary := Summary{Results: results, Changes: changes}
	for _, result := range results {
		switch result.Status {
		case StatusMissing, StatusReplace:
			summary.ToDo++
		case StatusUncertain:
			summary.Uncertain++
		case StatusFailed:
			summary.Failed++
		case StatusDiffers:
			summary.Differing++
		case StatusLeftOut:
			summary.LeftOut++
		case StatusPresent, StatusDone:
		}
	}
	return summary
}

var symbols = map[Status]string{
	StatusPresent: report.Good, StatusMissing: report.Added, StatusUncertain: report.Unknown, StatusDiffers: report.Changed,
	StatusReplace: report.Changed, StatusLeftOut: report.Skipped, StatusFailed: report.Bad, StatusDone: report.Good,
}

func (s *Setup) print(title string, results []Result) error {
	findings := make([]report.Finding, 0, len(results))
	for _, result := range results {
		findings = append(findings, report.Finding{Symbol: symbols[result.Status], Name: result.Step, Text: result.Text, Details: result.Differences})
	}
	if _, err := fmt.Fprintln(s.out, title); err != nil {
		return err
	}
	return report.Write(s.out, findings)
}

func (s *Setup) printSummary(summary Summary) error {
	var text string
	switch {
	case s.options.Apply && summary.Changes == 0 && summary.Failed == 0:
		text = "Nothing to change."
	case s.options.Apply:
		text = fmt.Sprintf("%d changed, %d failed.", summary.Changes, summary.Failed)
	default:
		text = fmt.Sprintf("%d to do, %d to make sure of, %d failed. Nothing was changed: --apply carries the plan out.",
			summary.ToDo, summary.Uncertain, summary.Failed)
	}
	if summary.Differing > 0 {
		text += fmt.Sprintf(" %d left alone because it differs.", summary.Differing)
	}
	if summary.LeftOut > 0 {
		text += fmt.Sprintf(" %d left out.", summary.LeftOut)
	}
	if summary.Failed > 0 {
		text += " Run it again when the problem is solved: it continues where it stopped."
	}
	for _, line := range report.Wrap(text, report.Width) {
		if _, err := fmt.Fprintln(s.out, line); err != nil {
			return err
		}
	}
	return nil
}

// findDomain prints which domain it is. If OCI does not allow GetApmDomain, the steps
// that need no more than its OCID go on.
func (s *Setup) findDomain(ctx context.Context) error {
	s.compartment = s.options.CompartmentID
	response, err := send(ctx, s.clients, operation{name: "GetApmDomain", permission: readDomains},
		apmcontrolplane.GetApmDomainRequest{ApmDomainId: &s.options.DomainID}, s.clients.controlPlane.GetApmDomain)
	if err != nil {
		var failed *callError
		if !errors.As(err, &failed) || !failed.denied {
			return err
		}
		return s.print(fmt.Sprintf("APM domain in %s", s.clients.region), []Result{{Step: "domain", Status: StatusFailed, Text: err.Error()}})
	}
	s.domainName = text(response.DisplayName)
	if s.compartment == "" {
		s.compartment = text(response.CompartmentId)
	}
	if state := response.LifecycleState; state != apmcontrolplane.LifecycleStatesActive && state != apmcontrolplane.LifecycleStatesUpdating {
		return fmt.Errorf("the APM domain %s is %s: set up a domain that is ACTIVE", s.domainName, state)
	}
	_, err = fmt.Fprintf(s.out, "APM domain %s in %s, with credentials of type %s\n", s.domainName, s.clients.region, s.clients.identity.Type())
	return err
}

// errNoCompartment is returned by the steps that need the domain's compartment.
var errNoCompartment = errors.New("the compartment of the APM domain is not known, because GetApmDomain failed: allow it, or name the compartment with --compartment-id")
