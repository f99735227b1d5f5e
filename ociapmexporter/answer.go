// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	// maxAnswerBytes is how much of an answer is read. APM's are short; what
	// stands in for it, such as a proxy's error page, need not be.
	maxAnswerBytes = 64 * 1024
	// maxMessageBytes is how much of a message in an answer is repeated.
	maxMessageBytes = 512
	// maxRetryAfter bounds how long an answer can hold uploads back.
	maxRetryAfter = 15 * time.Minute
)

// errTooLarge is in the error of an upload that APM answered with 413.
var errTooLarge = errors.New("more than OCI APM takes in one request")

// errUnreadable is in the error of an upload that APM answered with 400.
var errUnreadable = errors.New("not what OCI APM can read")

// answer is what came back for an upload.
type answer struct {
	status      int
	contentType string
	retryAfter  time.Duration // 0 where the answer names none
	body        []byte
}

func readAnswer(resp *http.Response) (answer, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return answer{}, err
	}
	contentType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		contentType = ""
	}
	return answer{
		status:      resp.StatusCode,
		contentType: contentType,
		retryAfter:  parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()),
		body:        body,
	}, nil
}

func (a answer) accepted() bool { return a.status >= 200 && a.status <= 299 }

func (a answer) refusesKey() bool {
	return a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
}

// problem says what a refused upload was answered with, and what to do.
func (a answer) problem(url string) error {
	text := fmt.Sprintf("OCI APM answered the upload to %s with %d %s", url, a.status, http.StatusText(a.status))
	if message := a.message(); message != "" {
		text += ": " + message
	}
	if advice := adviceForStatus(a.status); advice != "" {
		text += "; " + advice
	}
	switch a.status {
	case http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: %s", errTooLarge, text)
	case http.StatusBadRequest:
		return fmt.Errorf("%w: %s", errUnreadable, text)
	}
	return errors.New(text)
}

// isRetryableStatusCode says whether the same upload may be accepted later. The
// OTLP specification retries 429, 502, 503 and 504; beyond those, a key that is
// refused can be rotated, a redirect is a proxy's or a sign-in page's, and 408
// and every 5xx say nothing about the data.
func isRetryableStatusCode(code int) bool {
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return code < 400 || code >= 500
}

// adviceForStatus says what the reader of a log can do about a status.
func adviceForStatus(code int) string {
	switch {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return "check that the data key belongs to this domain and is of the type that data_key_type names; uploads are held and repeated"
	case code == http.StatusNotFound:
		return "check the endpoint: it is the domain's Data Upload Endpoint, " + endpointForm
	case code == http.StatusTooManyRequests:
		return "the domain's limit is reached; uploads are held and repeated"
	case code >= 300 && code <= 399:
		return "a redirect is not followed, since it would carry the data key elsewhere; check the endpoint and proxy_url"
	}
	return ""
}

// message is what the body says of an error: the message of an OTLP error body
// (google.rpc.Status), or the beginning of a text.
func (a answer) message() string {
	var st status.Status
	switch a.contentType {
	case protobufContentType:
		if proto.Unmarshal(a.body, &st) != nil {
			return ""
		}
		return excerpt(st.GetMessage())
	case "application/json":
		if (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(a.body, &st) == nil && st.GetMessage() != "" {
			return excerpt(st.GetMessage())
		}
	}
	if !utf8.Valid(a.body) {
		return ""
	}
	return excerpt(string(a.body))
}

// excerpt makes one short line of a text.
func excerpt(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxMessageBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessageBytes], "") + " …"
}

// parseRetryAfter reads the header as seconds or as a date (RFC 9110, section
// 10.2.3). It returns 0 for what is neither, or lies in the past.
func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(now), 0), maxRetryAfter)
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && seconds > 0:
		return maxRetryAfter
	case err != nil || seconds <= 0:
		return 0
	case seconds > int64(maxRetryAfter/time.Second):
		return maxRetryAfter
	}
	return time.Duration(seconds) * time.Second
}

// rejectedItems reads the partial success of an answer: how many items APM did
// not take, and why. Both are zero where it took all.
type rejectedItems func(answer) (count int64, message string)

// exportResponse is what the export responses of the three signals share.
type exportResponse interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

// decode reads the body into resp. A body that is empty or in another form
// holds no partial success.
func (a answer) decode(resp exportResponse) bool {
	if len(a.body) == 0 {
		return false
	}
	switch a.contentType {
	case protobufContentType:
		return resp.UnmarshalProto(a.body) == nil
	case "application/json":
		return resp.UnmarshalJSON(a.body) == nil
	}
	return false
}

func rejectedSpans(a answer) (count int64, message string) {
	resp := ptraceotlp.NewExportResponse()
	if !a.decode(resp) {
		return 0, ""
	}
	return resp.PartialSuccess().RejectedSpans(), excerpt(resp.PartialSuccess().ErrorMessage())
}

func rejectedDataPoints(a answer) (count int64, message string) {
	resp := pmetricotlp.NewExportResponse()
	if !a.decode(resp) {
		return 0, ""
	}
	return resp.PartialSuccess().RejectedDataPoints(), excerpt(resp.PartialSuccess().ErrorMessage())
}

func rejectedLogRecords(a answer) (count int64, message string) {
	resp := plogotlp.NewExportResponse()
	if !a.decode(resp) {
		return 0, ""
	}
	return resp.PartialSuccess().RejectedLogRecords(), excerpt(resp.PartialSuccess().ErrorMessage())
}
