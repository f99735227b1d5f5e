// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package environment // import "github.com/ociapm/otelcol-ociapm/internal/environment"

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"unicode/utf8"
)

// resourceVariables are read by the env detector of resource_detection: the
// second one, an older name, is used if the first is empty.
var resourceVariables = []string{"OTEL_RESOURCE_ATTRIBUTES", "OTEL_RESOURCE"}

// maxEncoded is the detector's maximum length of a key and of an encoded value,
// in bytes.
const maxEncoded = 256

// RepairResourceAttributes rewrites OTEL_RESOURCE_ATTRIBUTES so that
// resource_detection can read it. The env detector stops the collector because
// of a single malformed entry, while the SDKs of the apps, which receive the
// same variable, ignore such an entry and read the rest. Valid entries are
// kept. It returns a sentence about each ignored entry.
//
// The format:
// https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
func RepairResourceAttributes() (problems []string, err error) {
	for _, name := range resourceVariables {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		repaired, found := repairAttributes(value)
		for _, problem := range found {
			problems = append(problems, name+": "+problem)
		}
		if err := os.Setenv(name, repaired); err != nil {
			return problems, err
		}
	}
	return problems, nil
}

func repairAttributes(list string) (repaired string, problems []string) {
	var entries []string
	number := 0
	for entry := range strings.SplitSeq(list, ",") {
		number++
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue // for example after a trailing comma
		}
		key, value, found := strings.Cut(entry, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		decoded, err := url.PathUnescape(value)
		if err != nil {
			decoded = value // as SDKs do
		}
		encoded := encodeValue(decoded)

		switch {
		case !found:
			problems = append(problems, fmt.Sprintf("entry %d is ignored, for it has no \"=\"; write key=value, and %%2C for a comma in a value", number))
			continue
		case key == "" || len(key) > maxEncoded || !isASCII(key):
			problems = append(problems, fmt.Sprintf("entry %d is ignored, for its key is not 1 to %d ASCII characters", number, maxEncoded))
			continue
		case len(encoded) > maxEncoded:
			problems = append(problems, fmt.Sprintf("%s is ignored, for its value has more than %d characters once it is percent-encoded", key, maxEncoded))
			continue
		case !utf8.ValidString(decoded):
			problems = append(problems, key+" is ignored, for its value is not UTF-8")
			continue
		case err != nil:
			problems = append(problems, fmt.Sprintf("%q is taken as it is, for its value is not percent-encoded; write %s=%s", entry, key, encoded))
		}
		entries = append(entries, key+"="+encoded)
	}
	return strings.Join(entries, ","), problems
}

// encodeValue percent-encodes the characters that end a value, that the
// detector misreads, such as a plus sign for a space, or that it does not
// accept.
func encodeValue(value string) string {
	var encoded strings.Builder
	for i := range len(value) {
		if c := value[i]; c > ' ' && c < utf8.RuneSelf-1 && !strings.ContainsRune("%+,=", rune(c)) {
			encoded.WriteByte(c)
		} else {
			fmt.Fprintf(&encoded, "%%%02X", c)
		}
	}
	return encoded.String()
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}
