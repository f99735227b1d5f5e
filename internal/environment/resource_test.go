// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"net/url"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRepairAttributes(t *testing.T) {
	for _, tt := range []struct {
		name     string
		list     string
		want     string
		problems []string // a part of each problem
	}{
		{name: "nothing wrong", list: "team=shop,k8s.pod.uid=1f0-2,url=https://x/y?z", want: "team=shop,k8s.pod.uid=1f0-2,url=https://x/y?z"},
		{name: "blanks and commas at the ends", list: " , team = shop ,,tier=1, ", want: "team=shop,tier=1"},
		{name: "empty value", list: "team=", want: "team="},
		{name: "encoded", list: "team=a%2Cb%3Dc%20d", want: "team=a%2Cb%3Dc%20d"},
		{name: "not ASCII", list: "team=Zürich", want: "team=Z%C3%BCrich"},
		{name: "equals sign in a value", list: "query=a=b", want: "query=a%3Db"},
		{name: "plus sign", list: "language=C++", want: "language=C%2B%2B"},
		{name: "blank in a value", list: "team=my shop", want: "team=my%20shop"},
		{name: "line end", list: "team=shop\n", want: "team=shop"},
		{name: "no equals sign", list: "team=shop,beta", want: "team=shop", problems: []string{`entry 2 is ignored, for it has no "="`}},
		{name: "no equals sign, first", list: "beta,team=shop", want: "team=shop", problems: []string{`entry 1 is ignored`}},
		{name: "nothing to read", list: "beta", want: "", problems: []string{`entry 1 is ignored`}},
		{
			name: "not percent-encoded", list: "discount=100%,rest=50%zz", want: "discount=100%25,rest=50%25zz",
			problems: []string{`"discount=100%" is taken as it is`, "write rest=50%25zz"},
		},
		{name: "no key", list: "=shop,tier=1", want: "tier=1", problems: []string{`entry 1 is ignored, for its key`}},
		{name: "key is not ASCII", list: "größe=1,tier=1", want: "tier=1", problems: []string{`entry 1 is ignored, for its key`}},
		{name: "long key", list: strings.Repeat("k", 257) + "=1,tier=1", want: "tier=1", problems: []string{"for its key"}},
		{name: "longest value", list: "text=" + strings.Repeat("v", 256), want: "text=" + strings.Repeat("v", 256)},
		{name: "long value", list: "text=" + strings.Repeat("v", 257) + ",tier=1", want: "tier=1", problems: []string{"text is ignored, for its value has more than 256"}},
		{name: "long once encoded", list: "text=" + strings.Repeat("ü", 43), want: "", problems: []string{"text is ignored, for its value"}},
		{name: "not UTF-8", list: "text=%FF,tier=1", want: "tier=1", problems: []string{"for its value is not UTF-8"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			repaired, problems := repairAttributes(tt.list)
			assert.Equal(t, tt.want, repaired)
			require.Len(t, problems, len(tt.problems), "%q", problems)
			for i, problem := range tt.problems {
				assert.Contains(t, problems[i], problem)
			}
		})
	}
}

func TestRepairResourceAttributes(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "team=shop,beta")
	t.Setenv("OTEL_RESOURCE", "alpha")
	problems, err := RepairResourceAttributes()
	require.NoError(t, err)
	require.Len(t, problems, 2)
	assert.Contains(t, problems[0], `OTEL_RESOURCE_ATTRIBUTES: entry 2 is ignored`)
	assert.Contains(t, problems[1], `OTEL_RESOURCE: entry 1 is ignored`)
	assert.Equal(t, "team=shop", os.Getenv("OTEL_RESOURCE_ATTRIBUTES"))
	assert.Empty(t, os.Getenv("OTEL_RESOURCE"))
}

// The env detector can read the result, and repairing it again changes nothing.
func FuzzRepairAttributes(f *testing.F) {
	for _, list := range []string{"", "a=b", "a", "a=b,c", "a=%", "a=%41", "=", "a=b=c", "ä=ö", "a=+", "a=\xff"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		repaired, _ := repairAttributes(list)
		again, problems := repairAttributes(repaired)
		assert.Equal(t, repaired, again)
		assert.Empty(t, problems)
		if repaired == "" {
			return
		}
		for entry := range strings.SplitSeq(repaired, ",") {
			key, value, found := strings.Cut(entry, "=")
			require.True(t, found, entry)
			assert.NotEmpty(t, strings.TrimSpace(key))
			assert.NotContains(t, value, "=")
			assert.True(t, isASCII(entry))
			assert.LessOrEqual(t, len(key), 256)
			assert.LessOrEqual(t, len(value), 256)

			asDetector, err := url.QueryUnescape(value)
			require.NoError(t, err)
			asSDK, err := url.PathUnescape(value)
			require.NoError(t, err)
			assert.Equal(t, asSDK, asDetector)
			assert.True(t, utf8.ValidString(asDetector))
		}
	})
}
