// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build load

package load

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

var oursFileStorage = variant{name: "agent.yaml, file_storage", binary: ownBinary, configs: with(oursDurable.configs, "testdata/agent-file-storage.yaml")}

// TestQueue measures the cost of the queue on disk compared with the queue in memory,
// and with file_storage.
func TestQueue(t *testing.T) {
	to := startSink(t)
	queues := []variant{oursMemory, oursDurable, oursFileStorage}
	sizes := []int{10, 100}
	cpu := map[string]map[int][]float64{}
	for range *rounds {
		for _, v := range queues {
			c := startWarm(t, v, to)
			for _, spans := range sizes {
				d := usually()
				d.spans = spans
				if cpu[v.name] == nil {
					cpu[v.name] = map[int][]float64{}
				}
				cpu[v.name][spans] = append(cpu[v.name][spans], measure(t, c, to, d).cpu)
			}
			c.process.Stop(t)
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s. Median of %d rounds, with the least and the largest value in brackets.\n\n| CPU µs a span with |", machine(), *rounds)
	for _, spans := range sizes {
		fmt.Fprintf(&b, " %d spans a request | over the queue in memory |", spans)
	}
	fmt.Fprintf(&b, "\n|---|%s\n", string(bytes.Repeat([]byte("---:|"), 2*len(sizes))))
	for _, v := range queues {
		fmt.Fprintf(&b, "| %s |", v.name)
		for _, spans := range sizes {
			by := cpu[v.name][spans]
			fmt.Fprintf(&b, " %s | %s |", spread(by, "%.2f"), spread(ratios(by, cpu[oursMemory.name][spans]), "%.2f"))
		}
		b.WriteByte('\n')
	}
	fmt.Println(b.String())
	if *update {
		require.NoError(t, writeSection("queue", b.String()))
	}
}
