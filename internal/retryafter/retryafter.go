// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package retryafter reads the Retry-After header of an answer.
package retryafter

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Max is the longest pause that an answer can ask for.
const Max = 15 * time.Minute

// Parse reads the header as seconds or as a date (RFC 9110, section 10.2.3). It returns 0
// if it is neither or in the past.
func Parse(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(now), 0), Max)
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && seconds > 0:
		return Max
	case err != nil || seconds <= 0:
		return 0
	case seconds > int64(Max/time.Second):
		return Max
	}
	return time.Duration(seconds) * time.Second
}
