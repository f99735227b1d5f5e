// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package endpoint // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"

import (
	"errors"
	"strings"
)

// CleanDataKey returns the key without the white space around it. The error says why the
// value cannot be a key, and does not show it.
func CleanDataKey(raw string) (string, error) {
	key := strings.TrimSpace(raw)
	switch {
	case key == "":
		return "", errors.New("it is empty; write the domain's data key (OCI Console > APM > your domain > Data Keys)")
	case strings.HasPrefix(key, "<"):
		return "", errors.New("it is still a <placeholder>; write the domain's data key (OCI Console > APM > your domain > Data Keys)")
	case strings.Contains(key, "://"):
		return "", errors.New("it is a URL; write the domain's data key here, and the Data Upload Endpoint into endpoint")
	case len(key) >= 8 && strings.EqualFold(key[:8], "dataKey "):
		return "", errors.New("it begins with dataKey, as the Authorization header does; write only the key, the exporter adds the rest")
	case strings.ContainsAny(key, " \t\r\n\v\f"):
		return "", errors.New("it contains a space or a line break; copy the key again, in one piece")
	}
	for _, r := range key {
		if r < 0x21 || r > 0x7e {
			return "", errors.New("it contains a character that is not allowed in a header; copy the key again, as plain text")
		}
	}
	return key, nil
}
