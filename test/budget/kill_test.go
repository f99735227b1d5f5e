// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"
)

const (
	// childFolder is set in the process that is killed: the folder of its files.
	childFolder = "SPAN_BUDGET_TEST_FOLDER"
	// childDrains is set in the process that is not killed: it sends nothing.
	childDrains = "SPAN_BUDGET_TEST_DRAINS"

	childBudget = 360_000 // spans an hour
	childLoad   = 3_000   // spans a second
)

// runChild sends traffic until it is killed. It records which failed traces were accepted,
// and each delivery.
func runChild(folder string) int {
	if err := child(folder, os.Getenv(childDrains) != ""); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func child(folder string, drains bool) error {
	open := func(name string) (*os.File, error) {
		return os.OpenFile(filepath.Join(folder, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	}
	accepted, err := open("accepted")
	if err != nil {
		return err
	}
	delivered, err := open("delivered")
	if err != nil {
		return err
	}
	next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		first := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		id := first.TraceID()
		reason, _ := first.Attributes().Get("sampling.reason")
		weight := 1.0
		if count, ok := first.Attributes().Get("sampling.adjusted_count"); ok {
			weight = count.Double()
		}
		_, failed := fmt.Fprintf(delivered, "%d %d %s %s %g\n", time.Now().Unix()/3600, td.SpanCount(), hex.EncodeToString(id[:]), reason.Str(), 1/weight)
		return failed
	})
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := start(ctx, filepath.Join(folder, "store"), "1s", map[string]any{"spans_per_hour": childBudget, "fairness": "none"}, next)
	if err != nil {
		return err
	}
	if drains {
		if err := s.sampling.Shutdown(ctx); err != nil {
			return err
		}
		return s.budget.Shutdown(ctx)
	}
	tr := newTraffic(uint64(time.Now().UnixNano()))
	tr.number = uint64(time.Now().UnixNano())
	const pause = 20 * time.Millisecond
	for {
		td, spans := newSpans()
		var failed []request
		for n := tr.poisson(childLoad * pause.Seconds() / 12); n > 0; n-- {
			r := tr.next(time.Now())
			r.add(spans, 0, r.spans, tr.random)
			if r.failed {
				failed = append(failed, r)
			}
		}
		if err := s.sampling.ConsumeTraces(ctx, td); err != nil {
			return err
		}
		for _, r := range failed {
			if _, err := fmt.Fprintln(accepted, hex.EncodeToString(r.id[:])); err != nil {
				return err
			}
		}
		time.Sleep(pause)
	}
}

// A sampler that is killed knows what it had spent, goes on with the same probability, and
// loses no error.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills a process twenty times")
	}
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "store"), 0o700))
	// A whole hour of budget, whatever the time.
	seed, err := json.Marshal(map[string]any{
		"version": 1, "error": 1, "slow": 1, "all": map[string]any{"probability": 1},
		"current": map[string]any{"hour": time.Now().Unix() / 3600, "limit": childBudget},
	})
	require.NoError(t, err)
	withStore(t, folder, func(client storage.Client) { require.NoError(t, client.Set(t.Context(), "spent", seed)) })

	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	mostAssumed, largestStep := 0.0, 1.0
	for round := range 20 {
		after := time.Duration(1500+random.IntN(1500)) * time.Millisecond
		if round == 0 {
			after += 4 * time.Second // so that something is spent
		}
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), childFolder+"="+folder)
		command.Stderr = os.Stderr
		require.NoError(t, command.Start())
		time.Sleep(after)
		require.NoError(t, command.Process.Kill())
		require.EqualError(t, command.Wait(), "signal: killed")

		var stored struct {
			Current struct {
				Hour    int64
				Assumed int64
				Spent   []int64
			}
			Reserved int64
			All      struct{ Probability float64 }
		}
		withStore(t, folder, func(client storage.Client) {
			data, failed := client.Get(t.Context(), "spent")
			require.NoError(t, failed)
			require.NoError(t, json.Unmarshal(data, &stored))
		})
		known, spent := stored.Current.Assumed+stored.Reserved, int64(0)
		for _, spans := range stored.Current.Spent {
			known += spans
		}
		delivered := deliveries(t, folder)
		for _, d := range delivered {
			if d.hour == stored.Current.Hour {
				spent += d.spans
			}
		}
		probability, step := nearest(stored.All.Probability, sinceStored(delivered))
		assumed := float64(known-spent) / childBudget
		t.Logf("kill %2d after %4d ms: %6d spans spent, %6d known; p %.4f, stored %.4f",
			round+1, after.Milliseconds(), spent, known, probability, stored.All.Probability)
		assert.GreaterOrEqual(t, known, spent, "nothing that was delivered is forgotten")
		assert.LessOrEqual(t, assumed, float64(round+1)*0.001+0.005, "each kill makes a thousandth of the budget count as spent, beside what was decided and not yet delivered")
		mostAssumed, largestStep = max(mostAssumed, assumed), max(largestStep, step)
	}
	assert.LessOrEqual(t, largestStep, 2.01, "a step is at most a half, or 1.5 times as much")

	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childFolder+"="+folder, childDrains+"=1")
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
	delivered := map[string]bool{}
	for _, d := range deliveries(t, folder) {
		delivered[d.trace] = true
	}
	accepted := lines(t, filepath.Join(folder, "accepted"))
	lost := 0
	for _, trace := range accepted {
		if !delivered[trace] {
			lost++
		}
	}
	t.Logf("all that was spent was known, and up to %.2f %% of the budget more; %d of %d accepted traces with errors are lost", 100*mostAssumed, lost, len(accepted))
	assert.NotEmpty(t, accepted)
	assert.Zero(t, lost)
}

// sinceStored returns the probabilities of ordinary traces that were delivered since about
// the last time that the ledger was stored, which it is with each thousandth of the budget.
// On a slow machine that can be several kills ago.
func sinceStored(delivered []delivery) []float64 {
	var list []float64
	spans := int64(0)
	for _, d := range slices.Backward(delivered) {
		if d.reason == "ordinary" {
			list = append(list, d.probability)
		}
		if spans += d.spans; spans > 2*childBudget/1000 {
			return list
		}
	}
	return append(list, 1) // at first everything is kept
}

// nearest returns the probability that is nearest to the stored one, and by which factor it
// differs.
func nearest(stored float64, list []float64) (probability, step float64) {
	step = math.Inf(1)
	for _, p := range list {
		if factor := max(p/stored, stored/p); factor < step {
			probability, step = p, factor
		}
	}
	return probability, step
}

// withStore gives access to the ledger of a process that is gone.
func withStore(t *testing.T, folder string, use func(client storage.Client)) {
	t.Helper()
	store, err := startExtension(t.Context(), queuestorageextension.NewFactory(), storageID,
		map[string]any{"directory": filepath.Join(folder, "store")}, componenttest.NewNopTelemetrySettings(), extensions{})
	require.NoError(t, err)
	client, err := store.(storage.Extension).GetClient(t.Context(), component.KindExtension, budgetID, "")
	require.NoError(t, err)
	use(client)
	require.NoError(t, client.Close(t.Context()))
	require.NoError(t, store.Shutdown(t.Context()))
}

// delivery is a line of the file of deliveries.
type delivery struct {
	hour, spans   int64
	trace, reason string
	probability   float64
}

func deliveries(t *testing.T, folder string) []delivery {
	t.Helper()
	var list []delivery
	for _, line := range lines(t, filepath.Join(folder, "delivered")) {
		var d delivery
		_, err := fmt.Sscanf(line, "%d %d %s %s %g", &d.hour, &d.spans, &d.trace, &d.reason, &d.probability)
		require.NoError(t, err, line)
		list = append(list, d)
	}
	return list
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	var list []string
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		list = append(list, scanner.Text())
	}
	return list
}
