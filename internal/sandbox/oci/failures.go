// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"fmt"
	"net/http"
	"time"
)

// The error codes of OCI that the sandbox uses:
// https://docs.oracle.com/en-us/iaas/Content/API/References/apierrors.htm
const (
	CodeNotAuthenticated        = "NotAuthenticated"
	CodeNotAuthorizedOrNotFound = "NotAuthorizedOrNotFound"
	CodeNotFound                = "NotFound"
	CodeInvalidParameter        = "InvalidParameter"
	CodeNoEtagMatch             = "NoEtagMatch"
	CodeConflict                = "Conflict"
	CodeMethodNotAllowed        = "MethodNotAllowed"
	CodeTooManyRequests         = "TooManyRequests"
	CodeInternalServerError     = "InternalServerError"
	CodeServiceUnavailable      = "ServiceUnavailable"
)

// Reason is the reason why the sandbox rejected a request. OCI tells its
// callers less: the reason is in the log and in [Request], not in the answer.
type Reason string

// The reasons.
const (
	ReasonNotSigned      Reason = "not signed"
	ReasonMalformed      Reason = "malformed authorization"
	ReasonHeaderUnsigned Reason = "header not signed"
	ReasonDate           Reason = "date"
	ReasonSkew           Reason = "clock skew"
	ReasonDigest         Reason = "body digest"
	ReasonUnknownKey     Reason = "unknown key"
	ReasonToken          Reason = "invalid token"
	ReasonTokenExpired   Reason = "expired token"
	ReasonSignature      Reason = "wrong signature"
	ReasonCertificate    Reason = "certificate"
	ReasonForwarded      Reason = "forwarded"
	ReasonNotFound       Reason = "not found"
	ReasonWrongRegion    Reason = "wrong region"
	ReasonInactive       Reason = "inactive"
	ReasonParameter      Reason = "parameter"
	ReasonMethod         Reason = "method"
	ReasonFault          Reason = "fault"
	ReasonPermission     Reason = "permission"
	ReasonETag           Reason = "etag"
	ReasonConflict       Reason = "conflict"
	ReasonUnprocessable  Reason = "unprocessable"
)

// failure is an error response.
type failure struct {
	status  int
	code    string
	message string // never holds a key or a token
	reason  Reason
	detail  string // for the log; never holds a key or a token
}

// The texts of the real service, as quoted by users.
const (
	textNoCredentials = "The required information to complete authentication was not provided."
	textBadSignature  = "The required information to complete authentication was not provided or was incorrect."
	textNotFound      = "Authorization failed or requested resource not found."
)

func unauthenticated(reason Reason, detail string) *failure {
	text := textBadSignature
	if reason == ReasonNotSigned {
		text = textNoCredentials
	}
	return &failure{status: http.StatusUnauthorized, code: CodeNotAuthenticated, message: text, reason: reason, detail: detail}
}

// skewed is the answer to a request whose date differs too much from the clock.
func skewed(date, now time.Time) *failure {
	const layout = "Mon, 02 Jan 2006 15:04:05 UTC"
	format := func(t time.Time) string { return t.UTC().Format(layout) }
	return &failure{
		status: http.StatusUnauthorized, code: CodeNotAuthenticated, reason: ReasonSkew,
		message: fmt.Sprintf("Date '%s' is not within allowed clock skew. Current '%s', valid datetime range: ['%s', '%s']",
			format(date), format(now), format(now.Add(-maxSkew)), format(now.Add(maxSkew))),
	}
}

// notFound is the answer for a resource that does not exist or is not allowed:
// OCI gives the same answer for both.
func notFound(reason Reason, detail string) *failure {
	return &failure{
		status: http.StatusNotFound, code: CodeNotAuthorizedOrNotFound, message: textNotFound,
		reason: reason, detail: detail,
	}
}

func invalidParameter(text string) *failure {
	return &failure{
		status: http.StatusBadRequest, code: CodeInvalidParameter, message: text,
		reason: ReasonParameter,
	}
}

// checkETag returns the answer to a change of something that has changed since the
// caller read it, if it has. A call without an etag changes it in any case.
func (c *call) checkETag(current string) *failure {
	if match := c.r.Header.Get("if-match"); match == "" || match == current {
		return nil
	}
	return &failure{
		status: http.StatusPreconditionFailed, code: CodeNoEtagMatch, reason: ReasonETag,
		message: "The ETag in the request does not match the resource's current one.",
	}
}

// codeOf returns OCI's usual code for a status.
func codeOf(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return CodeNotAuthenticated
	case http.StatusNotFound, http.StatusForbidden:
		return CodeNotAuthorizedOrNotFound
	case http.StatusTooManyRequests:
		return CodeTooManyRequests
	case http.StatusServiceUnavailable:
		return CodeServiceUnavailable
	}
	if status >= http.StatusInternalServerError {
		return CodeInternalServerError
	}
	return CodeInvalidParameter
}
