// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v7"
	"github.com/oracle/oci-go-sdk/v65/apmconfig"
	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"
	"github.com/oracle/oci-go-sdk/v65/apmtraces"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/logging"
	"github.com/oracle/oci-go-sdk/v65/monitoring"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
	"github.com/ociapm/otelcol-ociapm/internal/retryafter"
)

const (
	maxTries     = 5
	firstBackoff = 500 * time.Millisecond
	// maxPause is the longest pause that an answer can ask for; after a longer one,
	// somebody at a terminal had rather come back.
	maxPause = time.Minute
	// slowAttempt is the time after which a failed request counts as slow. A second slow
	// one is the last: a server that never answers would take minutes otherwise.
	slowAttempt = 10 * time.Second
)

// The permissions that policies must give, as in OCI's policy reference. Logging's
// reference has moved the operations on logs from log-groups to log-objects: the family
// has both. A request that reads names what its step requires as a whole.
const (
	readDomains  = "read apm-domains"
	useDomains   = "use apm-domains"
	manageLogs   = "manage logging-family"
	manageAlarms = "manage alarms"
	readMetrics  = "read metrics"
)

// flagNames turns the advice of ociauth, which is for the collector's configuration and
// its endless retries, into apmctl's.
var flagNames = strings.NewReplacer(
	"auth::profile", "--profile", "auth::config_file", "--config-file", "auth::type", "--auth", "the collector's user", "the user of apmctl",
	"it is asked again later, ever less often", "run apmctl setup again later", "it is asked again later", "run apmctl setup again later",
)

// clients call OCI's services about one APM domain, in its region.
type clients struct {
	identity *ociauth.Identity
	domainID string
	region   common.Region
	// slowAttempt is the constant of this name; tests change it.
	slowAttempt time.Duration

	controlPlane apmcontrolplane.ApmDomainClient
	config       apmconfig.ConfigClient
	attributes   apmtraces.AttributesClient
	logging      logging.LoggingManagementClient
	monitoring   monitoring.MonitoringClient
}

// newClients gets credentials and creates the clients.
func newClients(ctx context.Context, options Options) (*clients, error) {
	region, err := options.region()
	if err != nil {
		return nil, err
	}
	c := &clients{identity: ociauth.New(options.Auth, options.UserAgent), domainID: options.DomainID, region: region, slowAttempt: slowAttempt}
	if err = c.identity.Prepare(ctx); err != nil {
		return nil, errors.New(flagNames.Replace(err.Error()))
	}
	if c.controlPlane, err = apmcontrolplane.NewApmDomainClientWithConfigurationProvider(c.identity); err != nil {
		return nil, err
	}
	if c.config, err = apmconfig.NewConfigClientWithConfigurationProvider(c.identity); err != nil {
		return nil, err
	}
	if c.attributes, err = apmtraces.NewAttributesClientWithConfigurationProvider(c.identity); err != nil {
		return nil, err
	}
	if c.logging, err = logging.NewLoggingManagementClientWithConfigurationProvider(c.identity); err != nil {
		return nil, err
	}
	if c.monitoring, err = monitoring.NewMonitoringClientWithConfigurationProvider(c.identity); err != nil {
		return nil, err
	}
	for _, base := range []*common.BaseClient{
		&c.controlPlane.BaseClient, &c.config.BaseClient, &c.attributes.BaseClient, &c.logging.BaseClient, &c.monitoring.BaseClient,
	} {
		c.identity.Configure(base)
		base.Interceptor = cancelRequest
	}
	c.controlPlane.SetRegion(string(region))
	c.config.SetRegion(string(region))
	c.attributes.SetRegion(string(region))
	c.logging.SetRegion(string(region))
	c.monitoring.SetRegion(string(region))
	return c, nil
}

// cancelable is the key of the context that cancels a request.
type cancelable struct{}

// withoutRace returns a context for the SDK's operations that cancels their HTTP requests
// only. If the context that the SDK gets is canceled, common.Retry reads the response
// while its goroutine may still be writing it, as of v65.129.0.
func withoutRace(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), cancelable{}, ctx)
}

// cancelRequest makes the context that was given to withoutRace cancel a request.
func cancelRequest(request *http.Request) error {
	if ctx, ok := request.Context().Value(cancelable{}).(context.Context); ok {
		*request = *request.WithContext(ctx) //nolint:contextcheck // the one that the request began with
	}
	return nil
}

func (c *clients) close() { c.identity.Close() }

// operation describes a request for its error messages.
type operation struct {
	name       string
	permission string
	// also is a second permission that the operation requires.
	also string
}

// send sends a request. It repeats the request after a pause if OCI throttles it or is
// unavailable; the pause is the one that OCI asks for, if any.
func send[Request any, Response common.OCIResponse](ctx context.Context, c *clients, o operation, request Request,
	do func(context.Context, Request) (Response, error),
) (Response, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval = firstBackoff
	renewed, slow := false, 0
	response, err := backoff.Retry(ctx, func() (Response, error) {
		var response Response
		if err := c.identity.Prepare(ctx); err != nil {
			return response, backoff.Permanent(err)
		}
		started := time.Now()
		response, err := do(withoutRace(ctx), request)
		if err == nil {
			return response, nil
		}
		if time.Since(started) > c.slowAttempt {
			slow++
		}
		failed := c.explain(o, err)
		switch {
		case failed.status == http.StatusUnauthorized && !renewed:
			renewed = true
			c.identity.Forget()
			return response, failed
		case !failed.temporary, slow > 1:
			return response, backoff.Permanent(failed)
		}
		if raw := response.HTTPResponse(); raw != nil {
			if pause := retryafter.Parse(raw.Header.Get("Retry-After"), time.Now()); pause > maxPause {
				return response, backoff.Permanent(failed)
			} else if pause > 0 {
				return response, backoff.RetryAfter(pause, failed)
			}
		}
		return response, failed
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(maxTries))
	if retried := backoff.AsRetryError(err); retried != nil {
		err = retried.LastErr
	}
	return response, err
}

// callError says why a request failed, and what to do.
type callError struct {
	text      string
	status    int
	temporary bool
	denied    bool // by a missing permission
}

// Error implements error.
func (e *callError) Error() string { return e.text }

// explain describes the error of a request. Errors of permissions, credentials and the
// network have the texts of ociauth.
func (c *clients) explain(o operation, err error) *callError {
	explained := c.identity.Explain(ociauth.Call{
		Operation: o.name, Resource: c.domainID, Noun: "APM domain", Region: c.region, Permission: o.permission, Exists: o.name != "GetApmDomain",
	}, err)
	failed := &callError{text: flagNames.Replace(explained.Error())}
	var known *ociauth.Error
	if !errors.As(explained, &known) {
		return failed
	}
	failed.status = known.Status
	switch known.Kind {
	case ociauth.KindThrottled, ociauth.KindUnreachable:
		failed.temporary = true
	case ociauth.KindNotAllowed:
		failed.denied = true
		if o.also != "" {
			failed.text += fmt.Sprintf("; %s also requires the same statement with %q", o.name, o.also)
		}
	case ociauth.KindRejected:
		failed.text = c.rejected(o, err, known)
	default:
	}
	return failed
}

// rejected describes a request that OCI will not accept as it is.
func (c *clients) rejected(o operation, err error, known *ociauth.Error) string {
	failure, ok := common.IsServiceError(err)
	if !ok {
		return flagNames.Replace(known.Error())
	}
	text := fmt.Sprintf("OCI rejected %s in %s with %d %s: %s", o.name, c.region, known.Status, failure.GetCode(), strings.TrimSuffix(failure.GetMessage(), "."))
	switch known.Status {
	case http.StatusPreconditionFailed:
		text += "; somebody changed it meanwhile: run apmctl setup again, and look at the plan"
	case http.StatusConflict:
		text += "; somebody else may be changing it: run apmctl setup again, and look at the plan"
	}
	return text + " (opc-request-id " + failure.GetOpcRequestID() + ")"
}

// pages calls list for each page of a list, until it returns no name of a next one.
func pages(list func(page *string) (next *string, err error)) error {
	var page *string
	for {
		next, err := list(page)
		if err != nil || next == nil || *next == "" {
			return err
		}
		page = next
	}
}

// text returns the value of an optional field.
func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}
