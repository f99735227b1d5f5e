// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build load

package load

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// parts are the categories of a collector's CPU time. A sample belongs to the first
// category that matches one of its functions.
var parts = []struct {
	name      string
	functions []string // substrings of their names
}{
	{"`db_span_enricher`", []string{"/dbspanenricherprocessor."}},
	{"`peer_service`", []string{"/peerserviceprocessor."}},
	{"`memory_limiter`, `resource_detection`", []string{"/memorylimiterprocessor", "/resourcedetectionprocessor"}},
	{"gzip", []string{"/compress/gzip.", "/compress/flate."}},
	{"queue on disk: the log", []string{"/queuestorageextension.", "/seglog."}},
	{"`otlp_guard`", []string{"/internal/otlpscan."}},
	{"decode OTLP", []string{"UnmarshalProto"}},
	{"encode OTLP", []string{"MarshalProto", "SizeProto"}},
	{"upload over HTTP", []string{"net/http.(*persistConn)", "net/http.(*Transport)", "/ociapmexporter."}},
	{"receive over gRPC", []string{"google.golang.org/grpc"}},
	{"garbage collection beside it", []string{"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.bgscavenge"}},
	{"the rest: scheduler, queue, telemetry", []string{""}},
}

// TestProfile measures where the CPU time is spent. With -pgo it also writes a profile for
// go build -pgo.
func TestProfile(t *testing.T) {
	to := startSink(t)
	var profiles []*profile.Profile
	var shares []map[string]float64
	variants := []variant{oursMemory, oursDurable}
	for i, v := range variants {
		address := harness.FreeAddress(t)
		extensions := []string{"[apm_paths,otlp_guard,gc_tuner,health_check,pprof]", "[apm_paths,otlp_guard,gc_tuner,health_check,queue_storage,pprof]"}[i]
		c := v.start(t, to, "--set=extensions.pprof.endpoint="+address, "--set=service.extensions="+extensions)
		d := chosen()
		d.lasting = 4 * *lasting
		d.address = c.address(d)
		sent := make(chan error)
		go func() {
			_, err := d.run(t.Context())
			sent <- err
		}()
		time.Sleep(warmUp)
		p := fetchProfile(t, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", address, int(3*lasting.Seconds())))
		require.NoError(t, <-sent)
		to.awaitQuiet(t, drainLimit)
		profiles = append(profiles, p)
		shares = append(shares, share(p))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s.\n\n| %% of the CPU time | %s | %s |\n|---|---:|---:|\n", machine(), variants[0].name, variants[1].name)
	for _, part := range parts {
		fmt.Fprintf(&b, "| %s | %.1f | %.1f |\n", part.name, shares[0][part.name], shares[1][part.name])
	}
	fmt.Println(b.String())
	if *update {
		require.NoError(t, writeSection("profile", b.String()))
	}
	if *pgo != "" {
		merged, err := profile.Merge(profiles)
		require.NoError(t, err)
		file, err := os.Create(filepath.Clean(*pgo))
		require.NoError(t, err)
		require.NoError(t, merged.Write(file))
		require.NoError(t, file.Close())
	}
}

func fetchProfile(t *testing.T, url string) *profile.Profile {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	p, err := profile.ParseData(content)
	require.NoError(t, err)
	return p
}

// share returns the percentage of each part.
func share(p *profile.Profile) map[string]float64 {
	shares, total := map[string]float64{}, 0.0
	for _, sample := range p.Sample {
		n := float64(sample.Value[0])
		shares[partOf(sample)] += n
		total += n
	}
	for name := range shares {
		shares[name] *= 100 / total
	}
	return shares
}

func partOf(sample *profile.Sample) string {
	for _, part := range parts {
		for _, location := range sample.Location {
			for _, line := range location.Line {
				for _, name := range part.functions {
					if strings.Contains(line.Function.Name, name) {
						return part.name
					}
				}
			}
		}
	}
	return "" // a sample without functions
}
