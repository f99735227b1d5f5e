// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import "context"

// Status is the state of a step.
type Status string

// The states of a step.
const (
	// StatusPresent means that nothing is to do.
	StatusPresent Status = "present"
	// StatusMissing means that --apply creates something.
	StatusMissing Status = "missing"
	// StatusUncertain means that OCI cannot say, and --apply makes sure.
	StatusUncertain Status = "uncertain"
	// StatusDiffers means that something exists, differs and is left alone.
	StatusDiffers Status = "differs"
	// StatusReplace means that something exists and differs, and --apply changes it.
	StatusReplace Status = "replace"
	// StatusLeftOut means that the step was left out.
	StatusLeftOut Status = "left out"
	// StatusFailed means that a request failed; the text names it.
	StatusFailed Status = "failed"
	// StatusDone means that --apply has created or changed something.
	StatusDone Status = "done"
)

// Result is the outcome of a step.
type Result struct {
	Step   string
	Status Status
	// Text is one sentence about the finding.
	Text string
	// Differences lists the fields that differ, with both values.
	Differences []string
}

// step is one part of the set-up.
type step struct {
	name string
	// check reads the current state from OCI and changes nothing.
	check func(ctx context.Context) (finding, error)
}

// finding is the current state of a step.
type finding struct {
	status      Status
	text        string
	differences []string
	// dryRun has OCI validate the change without making it. It is nil if OCI has no
	// dry run for it.
	dryRun func(ctx context.Context) error
	// apply makes the change, and describes it. It is nil if there is none. changed is
	// false if there was nothing to change after all.
	apply func(ctx context.Context) (text string, changed bool, err error)
}

// differing returns the finding for something that exists and differs. It is changed
// only if the step is named.
func (s *Setup) differing(step string, found finding) finding {
	found.status = StatusDiffers
	if s.options.replaces(step) {
		found.status = StatusReplace
		return found
	}
	found.text += "; left alone: --replace " + step + " changes it"
	found.apply, found.dryRun = nil, nil
	return found
}

func present(text string) finding { return finding{status: StatusPresent, text: text} }

func leftOut(text string) finding { return finding{status: StatusLeftOut, text: text} }
