// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"
)

// Kind distinguishes the problems, as a value for telemetry.
type Kind string

// The kinds of problems.
const (
	// KindConfigFile is a missing or wrong file of the OCI CLI.
	KindConfigFile Kind = "config_file"
	// KindEnvironment is an environment that lacks a variable or file which the
	// type of credentials requires.
	KindEnvironment Kind = "environment"
	// KindMetadata is a machine without an instance metadata service.
	KindMetadata Kind = "metadata_service"
	// KindFederation is a token that the token service refused to issue.
	KindFederation Kind = "token_refused"
	// KindTokenExpired is an expired token.
	KindTokenExpired Kind = "token_expired"
	// KindClockSkew is a clock that differs from OCI's by more than OCI
	// accepts.
	KindClockSkew Kind = "clock_skew"
	// KindNotAuthenticated is a signature or a key that OCI does not recognize.
	KindNotAuthenticated Kind = "not_authenticated"
	// KindNotAllowed is a missing policy, or a resource that does not exist:
	// OCI gives the same answer for both.
	KindNotAllowed Kind = "not_allowed"
	// KindThrottled is a request that exceeds a rate limit.
	KindThrottled Kind = "throttled"
	// KindUnreachable is a service that does not answer, or is temporarily
	// unavailable.
	KindUnreachable Kind = "unreachable"
	// KindRejected is any other error response.
	KindRejected Kind = "rejected"
)

const (
	// maxSkew is the maximum difference between the date of a request and OCI's
	// clock
	// (https://docs.oracle.com/iaas/Content/API/Concepts/signingrequests.htm).
	maxSkew = 5 * time.Minute
	// skewNoticed is slightly less, since the date of an answer is some seconds
	// old.
	skewNoticed = maxSkew - 10*time.Second

	networkAdvice = "allow outbound HTTPS to it, or set HTTPS_PROXY; it is asked again later"
)

// Error describes why a request to OCI failed, and what to do about it. It
// contains no secret.
type Error struct {
	// Kind is the kind of problem.
	Kind Kind
	// Status is the HTTP status of the answer, or 0 if there was none.
	Status int
	// RequestID is OCI's ID of the request, for a service request.
	RequestID string

	message string
}

// Error implements error.
func (e *Error) Error() string {
	if e.RequestID != "" {
		return e.message + " (opc-request-id " + e.RequestID + ")"
	}
	return e.message
}

func fileError(format string, args ...any) error {
	return &Error{Kind: KindConfigFile, message: fmt.Sprintf(format, args...)}
}

// Call describes a request to OCI for its error messages.
type Call struct {
	// Operation is the name of the request, such as GetApmDomain.
	Operation string
	// Resource is the OCID of the requested resource, and Noun what it is, such
	// as "APM domain".
	Resource, Noun string
	// Region is the region that the request was sent to.
	Region common.Region
	// Permission is what a policy statement must allow, such as
	// "use apm-domains".
	Permission string
	// Exists means that the resource is known to exist in the region.
	Exists bool
}

// Explain converts the error of a call to an *Error: an error of the
// credentials, of the network, or of the service.
func (id *Identity) Explain(call Call, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	failure, ok := common.IsServiceError(err)
	if !ok {
		why := network(err)
		if errors.Is(err, context.DeadlineExceeded) {
			why = "timeout"
		}
		return &Error{Kind: KindUnreachable, message: fmt.Sprintf("the OCI service for %s in %s does not answer (%s); %s", call.Operation, call.Region, why, networkAdvice)}
	}

	status := failure.GetHTTPStatusCode()
	answer := fmt.Sprintf("%d %s", status, failure.GetCode())
	if failure.GetCode() == "BadErrorResponse" {
		answer = fmt.Sprintf("%d %s", status, http.StatusText(status)) // the answer of a proxy, or not of an OCI service
	}
	e := &Error{Status: status, RequestID: failure.GetOpcRequestID()}
	switch {
	case status == http.StatusUnauthorized:
		e.Kind, e.message = id.notAuthenticated(call, answer, failure)
	case status == http.StatusForbidden, status == http.StatusNotFound:
		e.Kind, e.message = KindNotAllowed, id.notAllowed(call, answer)
	case status == http.StatusTooManyRequests:
		e.Kind = KindThrottled
		e.message = fmt.Sprintf("OCI throttles %s in %s (%s); it is asked again later, ever less often", call.Operation, call.Region, answer)
	case status >= 500:
		e.Kind = KindUnreachable
		e.message = fmt.Sprintf("OCI answered %s in %s with %s; it is asked again later", call.Operation, call.Region, answer)
	default:
		e.Kind = KindRejected
		e.message = fmt.Sprintf("OCI answered %s in %s with %s: check the OCID of the %s", call.Operation, call.Region, answer, call.Noun)
	}
	return e
}

// notAuthenticated returns the reason why OCI does not recognize the caller.
func (id *Identity) notAuthenticated(call Call, answer string, failure common.ServiceError) (Kind, string) {
	if rich, ok := failure.(common.ServiceErrorRichInfo); ok {
		if date := rich.GetTimestamp().Time; skewed(date) {
			return KindClockSkew, clockAdvice(date)
		}
	}
	if keyID, err := id.KeyID(); err == nil {
		if end, ok := expiry(strings.TrimPrefix(keyID, "ST$")); ok && !time.Now().Before(end) {
			return KindTokenExpired, fmt.Sprintf("the security token of auth type %s expired at %s: a new one is asked for", id.config.Type, end.UTC().Format(time.RFC3339))
		}
	}
	text := fmt.Sprintf("OCI does not accept the signature of %s in %s (%s): ", call.Operation, call.Region, answer)
	switch id.config.Type {
	case TypeConfigFile:
		text += fmt.Sprintf("check tenancy, user, fingerprint and key_file of profile [%s] in %s, and that the API key is the user's", id.config.profile(), id.config.file())
	case TypeSessionToken:
		text += "run oci session authenticate --profile-name " + id.config.profile()
	default:
		text += "new credentials are asked for; check the clock of this machine"
	}
	return KindNotAuthenticated, text
}

// notAllowed names the policy statement that is missing.
func (id *Identity) notAllowed(call Call, answer string) string {
	var who string
	switch id.config.Type {
	case TypeConfigFile, TypeSessionToken:
		who = "group <group of the user>"
	case TypeWorkloadIdentity:
		who = "any-user"
	default:
		who = "dynamic-group <group of the machine>"
	}
	statement := fmt.Sprintf("Allow %s to %s in compartment <compartment of the %s>", who, call.Permission, call.Noun)
	if id.config.Type == TypeWorkloadIdentity {
		statement += " where all {request.principal.type = 'workload', request.principal.namespace = '<namespace>', request.principal.service_account = '<service account>', request.principal.cluster_id = '<OCID of the cluster>'}"
	}
	text := fmt.Sprintf("OCI refuses %s in %s (%s): write the policy statement %q", call.Operation, call.Region, answer, statement)
	if !call.Exists {
		text += fmt.Sprintf(", or correct the OCID if %s has no %s %s", call.Region, call.Noun, call.Resource)
	}
	return text
}

func skewed(date time.Time) bool {
	difference := time.Since(date)
	return difference > skewNoticed || difference < -skewNoticed
}

func clockAdvice(date time.Time) string {
	difference := time.Since(date).Round(10 * time.Second) // the date is some seconds old
	direction := "ahead of"
	if difference < 0 {
		direction, difference = "behind", -difference
	}
	return fmt.Sprintf("the clock of this machine is %s %s OCI's, and OCI accepts %s: set it, with chrony or NTP", difference, direction, maxSkew)
}
