// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"regexp"
	"strings"
)

const (
	redacted = "[redacted]"
	// minSecret is the minimum length of a secret: shorter words occur in any text.
	minSecret = 8
)

// userInfo matches the user name and password of a URL.
var userInfo = regexp.MustCompile(`(://)[^\s"'<>]*@`)

// secrets are values that no finding shows. The texts of the exporter are already
// without them; this covers everything else, such as the output of the collector.
type secrets struct{ replacements []string }

func (s *secrets) add(value string) {
	value = strings.TrimSpace(value)
	if len(value) < minSecret {
		return
	}
	s.replacements = append(s.replacements,
		value, url.QueryEscape(value), url.PathEscape(value), hex.EncodeToString([]byte(value)),
		base64.RawStdEncoding.EncodeToString([]byte(value)))
}

func (s *secrets) clean(text string) string {
	text = userInfo.ReplaceAllString(text, "${1}"+redacted+"@")
	for _, secret := range s.replacements {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	return text
}
