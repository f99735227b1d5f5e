// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const goodHeader = `Signature version="1",headers="date (request-target) host",keyId="a/b/c",algorithm="rsa-sha256",signature="AAAA"`

func TestParseSignature(t *testing.T) {
	parsed, err := parseSignature(goodHeader)
	require.NoError(t, err)
	assert.Equal(t, signature{keyID: "a/b/c", headers: []string{"date", "(request-target)", "host"}, value: []byte{0, 0, 0}}, parsed)
	// As written by the curl scripts in Oracle's manual, and by other SDKs.
	_, err = parseSignature(strings.NewReplacer(",", ", ", `version="1",`, "").Replace(goodHeader))
	require.NoError(t, err)

	for _, test := range []struct{ name, header, want string }{
		{"empty", "", "no Authorization header"},
		{"a line end", goodHeader + "\n", "not printable ASCII"},
		{"another scheme", "Basic x", "the scheme is not Signature"},
		{"no fields", "Signature", `not name="value"`},
		{"no quotation mark", strings.Replace(goodHeader, `AAAA"`, "AAAA", 1), "no closing quotation mark"},
		{"no comma", strings.Replace(goodHeader, `",keyId`, `"keyId`, 1), "not separated by commas"},
		{"a comma at the end", goodHeader + ",", `not name="value"`},
		{"twice", goodHeader + `,keyId="x"`, "repeated"},
		{"no key id", strings.Replace(goodHeader, `keyId="a/b/c",`, "", 1), "the field keyId is missing"},
		{"an empty key id", strings.Replace(goodHeader, "a/b/c", "", 1), "the field keyId is missing"},
		{"no headers", strings.Replace(goodHeader, `headers="date (request-target) host",`, "", 1), "the field headers is missing"},
		{"a repeated header", strings.Replace(goodHeader, "host", "date", 1), "a repeated name"},
		{"two blanks", strings.Replace(goodHeader, "date ", "date  ", 1), "an empty"},
		{"another version", strings.Replace(goodHeader, `"1"`, `"2"`, 1), "version"},
		{"another algorithm", strings.Replace(goodHeader, "rsa", "hmac", 1), "algorithm"},
		{"no base64", strings.Replace(goodHeader, "AAAA", "A", 1), "not base64"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parseSignature(test.header)
			require.ErrorContains(t, err, test.want)
			assert.NotContains(t, err.Error(), "a/b/c")
		})
	}
}

// FuzzParseSignature checks that a parsed header can be formatted and parsed
// again, and that errors quote nothing of a header.
func FuzzParseSignature(f *testing.F) {
	f.Add(goodHeader)
	f.Add(`signature keyId="ST$token",algorithm="rsa-sha256",headers="x-date",signature=""`)
	f.Add(`Signature a="b`)
	f.Fuzz(func(t *testing.T, header string) {
		parsed, err := parseSignature(header)
		if err != nil {
			const marker = "needle"
			_, again := parseSignature(strings.ReplaceAll(header, "a", marker))
			if again != nil {
				assert.NotContains(t, again.Error(), marker)
			}
			return
		}
		require.NotEmpty(t, parsed.keyID)
		require.NotEmpty(t, parsed.headers)
		require.False(t, slices.Contains(parsed.headers, ""))
		written := `Signature version="1",headers="` + strings.Join(parsed.headers, " ") + `",keyId="` + parsed.keyID +
			`",algorithm="rsa-sha256",signature="` + base64.StdEncoding.EncodeToString(parsed.value) + `"`
		rewritten, err := parseSignature(written)
		require.NoError(t, err)
		assert.Equal(t, parsed, rewritten)
	})
}

// A request with a body must sign it, as OCI requires.
func TestSignsBody(t *testing.T) {
	for method, want := range map[string]bool{
		http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true, http.MethodGet: false, http.MethodDelete: false,
	} {
		assert.Equal(t, want, signsBody(method), method)
		missing := signature{headers: []string{"date", requestTarget, "host"}}.missingHeader(method, true)
		assert.Equal(t, want, missing != "", method)
	}
}
