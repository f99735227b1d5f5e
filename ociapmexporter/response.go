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
	"google.golang.org/protobuf/proto"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/retryafter"
)

const (
	protobufContentType = "application/x-protobuf"
	jsonContentType     = "application/json"
)

const (
	// maxResponseBytes is how much of an answer is read. APM's are short; what
	// stands in for it, such as a proxy's error page, need not be.
	maxResponseBytes = 64 * 1024
	// maxMessageBytes is how much of a message in an answer is repeated.
	maxMessageBytes = 512
)

// What an answer says of an upload is in its error: nothing of the sort where the
// place, the key or the moment is wrong.
var (
	// errTooLarge is in the error of an upload that is too large.
	errTooLarge = errors.New("more than OCI APM takes in one request")
	// errUnreadable is in the error of an upload with something in it that APM
	// cannot read.
	errUnreadable = errors.New("not what OCI APM can read")
)

// refusalError says that an upload was refused for its data.
type refusalError struct {
	kind   error // errTooLarge or errUnreadable
	status int
	text   string
}

// Error returns what APM said.
func (e *refusalError) Error() string { return e.kind.Error() + ": " + e.text }

// Unwrap returns the kind of the refusal.
func (e *refusalError) Unwrap() error { return e.kind }

// isRefusal says whether an upload was refused for its data.
func isRefusal(err error) bool {
	return errors.Is(err, errTooLarge) || errors.Is(err, errUnreadable)
}

// statusOf returns the status that an upload was refused with. What could not even
// be taken apart for an upload has that of what APM cannot read.
func statusOf(err error) int {
	var refusal *refusalError
	if errors.As(err, &refusal) {
		return refusal.status
	}
	return http.StatusBadRequest
}

// response is what came back for an upload.
type response struct {
	status      int
	contentType string
	retryAfter  time.Duration // 0 where the answer names none
	body        []byte
	// cut says that the body is longer than what was read of it.
	cut bool
	// secrets are what the texts in the body are not to show; nil is nothing.
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

// success says whether the status is one of success, whoever has answered.
func (r response) success() bool { return r.status >= 200 && r.status <= 299 }

// accepted says whether APM has taken the upload. A sign-in page, or what a proxy
// says of a page that it blocks, can have the same status: APM answers in OTLP, or
// with nothing.
func (r response) accepted() bool { return r.success() && r.isOTLP() }

// isOTLP says whether the body can be an OTLP export response. The three signals
// have the same: a message with a message in field 1, or an object with that in
// partialSuccess.
func (r response) isOTLP() bool {
	body := bytes.TrimSpace(r.body)
	switch {
	case len(body) == 0:
		return true
	case isProtobuf(r.contentType):
		return r.cut || ptraceotlp.NewExportResponse().UnmarshalProto(r.body) == nil
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

func isProtobuf(contentType string) bool {
	return contentType == protobufContentType || contentType == "application/protobuf"
}

func (r response) rejectsKey() bool {
	return r.status == http.StatusUnauthorized || r.status == http.StatusForbidden
}

// problem says what an upload was answered with that APM did not take, and what to
// do.
func (r response) problem(signal, url string) error {
	if r.success() {
		text := fmt.Sprintf("the upload to %s was answered with %d %s and a body of type %q, which is not OCI APM's", url, r.status, http.StatusText(r.status), r.contentType)
		if message := r.message(); message != "" {
			text += ": " + message
		}
		return errors.New(text + "; a sign-in page, a proxy or a firewall stands in for OCI APM: check the endpoint and proxy_url; uploads are held and repeated")
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

// isRetryableStatusCode says whether the same upload may be accepted later. The
// OTLP specification retries 429, 502, 503 and 504. Beyond those, everything but
// what the four others can say of the data itself says that the place, the key or
// the moment is wrong: a route that is gone for a while is a 404 or 405, a proxy
// that wants a password a 407, a sign-in page a redirect or even a success.
func isRetryableStatusCode(code int) bool {
	switch code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return false
	}
	return true
}

// adviceForStatus says what the reader of a log can do about a status.
func adviceForStatus(code int, signal string) string {
	switch {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return "check that the data key belongs to this domain and is of the type that data_key_type names; uploads are held and repeated"
	case code == http.StatusNotFound && signal == "traces":
		return "check the endpoint: it is the domain's Data Upload Endpoint, " + endpoint.Form + "; uploads are held and repeated"
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code == http.StatusGone:
		return fmt.Sprintf("check the endpoint: it is the domain's Data Upload Endpoint, %s; where traces arrive, the domain does not take %s: "+
			"add --set=exporters.nop= '--set=service.pipelines.%s.exporters=[nop]' to the arguments of the collector to upload them no more; until then they are held and repeated", endpoint.Form, signal, signal)
	case code == http.StatusProxyAuthRequired:
		return "the proxy wants a user name and a password: write both in front of its host in proxy_url, or in HTTPS_PROXY in the environment; uploads are held and repeated"
	case code == http.StatusTooManyRequests:
		return "the domain's limit is reached; uploads are held and repeated"
	case code >= 300 && code <= 399:
		return "a redirect is not followed, since it would carry the data key elsewhere; check the endpoint and proxy_url"
	}
	return ""
}

// message is what the body says of an error: the message of an OTLP error body
// (google.rpc.Status), or the beginning of a text.
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

// excerpt makes one short line of a text in the answer. Secrets go before it is cut,
// which would leave a part of one.
func (r response) excerpt(text string) string {
	if r.secrets != nil {
		text = r.secrets.clean(text)
	}
	return excerpt(text)
}

// excerpt makes one short line of a text.
func excerpt(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxMessageBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessageBytes], "") + " …"
}

// rejectedItems reads the partial success of an answer: how many items APM did
// not take, and why. Both are zero where it took all.
type rejectedItems func(response) (count int64, message string)

// exportResponse is what the export responses of the three signals share.
type exportResponse interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

// decode reads the body into resp. A body that is empty or in another form
// holds no partial success.
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
