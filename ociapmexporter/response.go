// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/ociapm/otelcol-ociapm/internal/retryafter"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
)

const (
	protobufContentType = "application/x-protobuf"
	jsonContentType     = "application/json"
	htmlContentType     = "text/html"
)

const (
	// maxResponseBytes is how much of an answer is read. APM's answers are short, but the
	// error page of a proxy can be long.
	maxResponseBytes = 64 * 1024
	// maxMessageBytes is how much of a message in an answer is logged.
	maxMessageBytes = 512
)

// The kinds of refusal for the data. An upload that fails for its endpoint, its key or a
// temporary problem wraps neither.
var (
	// errTooLarge is wrapped by the error of an upload that is too large.
	errTooLarge = errors.New("more than OCI APM accepts in one request")
	// errUnreadable is wrapped by the error of an upload that holds something that
	// APM cannot read.
	errUnreadable = errors.New("OCI APM cannot read it")
)

// refusalError is returned for an upload that was refused for its data.
type refusalError struct {
	kind   error // errTooLarge or errUnreadable
	status int
	text   string
}

// Error returns the kind of the refusal and what APM answered.
func (e *refusalError) Error() string { return e.kind.Error() + ": " + e.text }

// Unwrap returns the kind of the refusal.
func (e *refusalError) Unwrap() error { return e.kind }

// isRefusal reports whether an upload was refused for its data.
func isRefusal(err error) bool {
	return errors.Is(err, errTooLarge) || errors.Is(err, errUnreadable)
}

// statusOf returns the status that an upload was refused with: 400 for a request that
// the exporter itself could not read.
func statusOf(err error) int {
	var refusal *refusalError
	if errors.As(err, &refusal) {
		return refusal.status
	}
	return http.StatusBadRequest
}

// response is the answer to an upload.
type response struct {
	status      int
	contentType string
	retryAfter  time.Duration // 0 if the answer has none
	body        []byte
	// cut reports whether only the beginning of the body was read.
	cut bool
	// secrets are removed from messages in the body; nil if there are none.
	secrets *secrets
}

func readResponse(resp *http.Response, hidden *secrets) (response, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponseBytes+1))
	if err != nil {
		return response{}, err
	}
	cut := len(body) > maxResponseBytes
	body = body[:min(len(body), maxResponseBytes)]
	contentType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		contentType = ""
	}
	return response{
		status:      resp.StatusCode,
		contentType: contentType,
		retryAfter:  retryafter.Parse(resp.Header.Get("Retry-After"), time.Now()),
		body:        body,
		cut:         cut,
		secrets:     hidden,
	}, nil
}

// success reports whether the status is 2xx, which a proxy can send too.
func (r response) success() bool { return r.status >= 200 && r.status <= 299 }

// accepted reports whether APM has accepted the upload. A sign-in page or a proxy's
// notice can have status 200 too, but APM answers in OTLP or with an empty body.
func (r response) accepted() bool { return r.success() && r.isOTLP() }

// isOTLP reports whether the body can be an OTLP export response. The three signals have
// the same form: a message with a message in field 1, or an object with partialSuccess.
func (r response) isOTLP() bool {
	body := bytes.TrimSpace(r.body)
	switch {
	case len(body) == 0:
		return r.contentType != htmlContentType
	case isProtobuf(r.contentType) && r.cut:
		return isInsideOfPartialSuccess(r.body)
	case isProtobuf(r.contentType):
		return ptraceotlp.NewExportResponse().UnmarshalProto(r.body) == nil
	case r.contentType == jsonContentType:
		var fields map[string]json.RawMessage
		if json.Unmarshal(body, &fields) != nil {
			return false
		}
		_, partial := fields["partialSuccess"]
		return partial || len(fields) == 0
	}
	return false
}

// isInsideOfPartialSuccess reports whether a response was cut inside the message of
// field 1, whose text can have any length.
func isInsideOfPartialSuccess(body []byte) bool {
	field, wireType, n := protowire.ConsumeTag(body)
	if n < 0 || field != 1 || wireType != protowire.BytesType {
		return false
	}
	size, m := protowire.ConsumeVarint(body[n:])
	return m > 0 && size > uint64(len(body)-n-m) //nolint:gosec // not negative
}

func isProtobuf(contentType string) bool {
	return contentType == protobufContentType || contentType == "application/protobuf"
}

func (r response) rejectsKey() bool {
	return r.status == http.StatusUnauthorized || r.status == http.StatusForbidden
}

// problem returns the error of an upload that was not accepted. It has the answer and
// what to do. It is a refusalError if the upload was refused for its data.
func (r response) problem(signal, url string) error {
	if r.success() {
		text := fmt.Sprintf("the upload to %s was answered with %d %s and a body of type %q, which is not OCI APM's", url, r.status, http.StatusText(r.status), r.contentType)
		if message := r.message(); message != "" {
			text += ": " + message
		}
		return errors.New(text + "; " + adviceForPage)
	}
	text := fmt.Sprintf("OCI APM answered the upload to %s with %d %s", url, r.status, http.StatusText(r.status))
	if message := r.message(); message != "" {
		text += ": " + message
	}
	if advice := adviceForStatus(r.status, signal); advice != "" {
		text += "; " + advice
	}
	switch r.status {
	case http.StatusRequestEntityTooLarge:
		return &refusalError{kind: errTooLarge, status: r.status, text: text}
	case http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return &refusalError{kind: errUnreadable, status: r.status, text: text}
	}
	return errors.New(text)
}

// isRetryableStatusCode reports whether the same upload may be accepted later. The
// OTLP specification retries 429, 502, 503 and 504. This exporter retries every status
// except the four that can be caused by the data itself. The others mean a wrong endpoint,
// a wrong key or a temporary problem: a missing route answers 404 or 405, a proxy that
// requires a password 407, a sign-in page a redirect or even 200.
func isRetryableStatusCode(code int) bool {
	switch code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return false
	}
	return true
}

// adviceForPage is what to do about an answer of 200 that is not OCI APM's.
const adviceForPage = "a sign-in page, a proxy or a firewall answers in place of OCI APM: check the endpoint and proxy_url; uploads are queued and retried"

// adviceForStatus returns what the reader of the log can do about a status.
func adviceForStatus(code int, signal string) string {
	switch {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return "check that the data key belongs to this domain and is of the type that data_key_type names; uploads are queued and retried"
	case code == http.StatusNotFound && signal == "traces":
		return "check the endpoint: it is the domain's Data Upload Endpoint, " + endpoint.Form + "; uploads are queued and retried"
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code == http.StatusGone:
		return fmt.Sprintf("check the endpoint: it is the domain's Data Upload Endpoint, %s; if traces are accepted, the domain does not support %s: "+
			"add --set=exporters.nop= '--set=service.pipelines.%s.exporters=[nop]' to the arguments of the collector to stop uploading them; until then they are queued and retried", endpoint.Form, signal, signal)
	case code == http.StatusProxyAuthRequired:
		return "the proxy requires a user name and a password: write both in front of its host in proxy_url, or in HTTPS_PROXY in the environment; uploads are queued and retried"
	case code == http.StatusTooManyRequests:
		return "the domain's limit is reached; uploads are queued and retried"
	case code >= 300 && code <= 399:
		return "a redirect is not followed, since it would carry the data key elsewhere; check the endpoint and proxy_url"
	}
	return ""
}

// message returns the error message in the body: the message of a google.rpc.Status, as
// OTLP has it, or the beginning of a text.
func (r response) message() string {
	var st status.Status
	switch {
	case isProtobuf(r.contentType):
		if proto.Unmarshal(r.body, &st) != nil {
			return ""
		}
		return r.excerpt(st.GetMessage())
	case r.contentType == jsonContentType:
		if (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(r.body, &st) == nil && st.GetMessage() != "" {
			return r.excerpt(st.GetMessage())
		}
	}
	if !utf8.Valid(r.body) {
		return ""
	}
	return r.excerpt(string(r.body))
}

// excerpt returns one short line of a text in the answer. Secrets are removed before the
// text is cut, since a cut could leave a part of a secret.
func (r response) excerpt(text string) string {
	if r.secrets != nil {
		text = r.secrets.clean(text)
	}
	return excerpt(text)
}

// excerpt returns one short line of a text.
func excerpt(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxMessageBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessageBytes], "") + " …"
}

// rejectedItems reads the partial success of an answer: how many items APM rejected,
// and why. Both are zero if it accepted all.
type rejectedItems func(response) (count int64, message string)

// exportResponse has the methods that the export responses of the three signals share.
type exportResponse interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

// decode reads the body into resp. It returns false for a body that is empty or in
// another format, which has no partial success.
func (r response) decode(resp exportResponse) bool {
	if len(r.body) == 0 {
		return false
	}
	switch {
	case isProtobuf(r.contentType):
		return resp.UnmarshalProto(r.body) == nil
	case r.contentType == jsonContentType:
		return resp.UnmarshalJSON(r.body) == nil
	}
	return false
}

func rejectedSpans(r response) (count int64, message string) {
	resp := ptraceotlp.NewExportResponse()
	if !r.decode(resp) {
		return 0, ""
	}
	return resp.PartialSuccess().RejectedSpans(), r.excerpt(resp.PartialSuccess().ErrorMessage())
}

func rejectedDataPoints(r response) (count int64, message string) {
	resp := pmetricotlp.NewExportResponse()
	if !r.decode(resp) {
		return 0, ""
	}
	return resp.PartialSuccess().RejectedDataPoints(), r.excerpt(resp.PartialSuccess().ErrorMessage())
}

func rejectedLogRecords(r response) (count int64, message string) {
	resp := plogotlp.NewExportResponse()
	if !r.decode(resp) {
		return 0, ""
	}
	return resp.PartialSuccess().RejectedLogRecords(), r.excerpt(resp.PartialSuccess().ErrorMessage())
}
