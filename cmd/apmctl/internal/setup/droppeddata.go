// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/logging"
)

const (
	logService  = "apm"
	logCategory = "dropped-data"
	logName     = "otelcol-ociapm dropped data"

	// The setup asks after firstPause and then ever less often whether Logging is done,
	// for workTimeout.
	firstPause  = 50 * time.Millisecond
	longPause   = 2 * time.Second
	workTimeout = time.Minute
)

// checkDroppedData looks for the domain's log of dropped data in all log groups of the
// compartment. OCI rejects a second one.
func (s *Setup) checkDroppedData(ctx context.Context) (finding, error) {
	if s.compartment == "" {
		return finding{}, errNoCompartment
	}
	groups, err := s.listLogGroups(ctx)
	if err != nil {
		return finding{}, err
	}
	groupID := ""
	for _, group := range groups {
		log, err := s.findLog(ctx, text(group.Id))
		if err != nil {
			return finding{}, err
		}
		if log != nil {
			return s.existingLog(log), nil
		}
		if text(group.DisplayName) == s.options.LogGroup {
			groupID = text(group.Id)
		}
	}
	plan := "create the service log of dropped data in the log group " + s.options.LogGroup
	if groupID == "" {
		plan += ", and the log group"
	}
	return finding{
		status: StatusMissing, text: plan,
		apply: func(ctx context.Context) (string, bool, error) { return s.createLog(ctx, groupID) },
	}, nil
}

func (s *Setup) listLogGroups(ctx context.Context) ([]logging.LogGroupSummary, error) {
	var groups []logging.LogGroupSummary
	err := pages(func(page *string) (*string, error) {
		response, err := send(ctx, s.clients, operation{name: "ListLogGroups", permission: manageLogs},
			logging.ListLogGroupsRequest{CompartmentId: &s.compartment, Page: page}, s.clients.logging.ListLogGroups)
		groups = append(groups, response.Items...)
		return response.OpcNextPage, err
	})
	return groups, err
}

// findLog returns the domain's log of dropped data in a log group, or nil.
func (s *Setup) findLog(ctx context.Context, groupID string) (*logging.LogSummary, error) {
	var found *logging.LogSummary
	err := pages(func(page *string) (*string, error) {
		response, err := send(ctx, s.clients, operation{name: "ListLogs", permission: manageLogs}, logging.ListLogsRequest{
			LogGroupId: &groupID, Page: page, LogType: logging.ListLogsLogTypeService,
			SourceService: new(logService), SourceResource: &s.options.DomainID,
		}, s.clients.logging.ListLogs)
		for _, log := range response.Items {
			if log.Configuration == nil {
				continue
			}
			source, ok := log.Configuration.Source.(logging.OciService)
			if ok && text(source.Category) == logCategory && text(source.Resource) == s.options.DomainID {
				found = &log
			}
		}
		return response.OpcNextPage, err
	})
	return found, err
}

// existingLog returns the finding for the log that exists.
func (s *Setup) existingLog(log *logging.LogSummary) finding {
	if log.IsEnabled == nil || *log.IsEnabled {
		return present(fmt.Sprintf("the service log of dropped data is on, as %q", text(log.DisplayName)))
	}
	return s.differing(StepDroppedData, finding{
		text: fmt.Sprintf("the service log of dropped data, %q, is disabled", text(log.DisplayName)),
		apply: func(ctx context.Context) (string, bool, error) {
			read, err := send(ctx, s.clients, operation{name: "GetLog", permission: manageLogs},
				logging.GetLogRequest{LogGroupId: log.LogGroupId, LogId: log.Id}, s.clients.logging.GetLog)
			if err != nil {
				return "", false, err
			}
			response, err := send(ctx, s.clients, operation{name: "UpdateLog", permission: manageLogs, also: useDomains}, logging.UpdateLogRequest{
				LogGroupId: log.LogGroupId, LogId: log.Id, IfMatch: read.Etag, UpdateLogDetails: logging.UpdateLogDetails{IsEnabled: new(true)},
			}, s.clients.logging.UpdateLog)
			if err == nil {
				err = s.await(ctx, "UpdateLog", response.OpcWorkRequestId)
			}
			return "enabled the service log of dropped data", true, err
		},
	})
}

// createLog creates the log, and before it the log group if groupID is empty.
func (s *Setup) createLog(ctx context.Context, groupID string) (done string, changed bool, err error) {
	if groupID == "" {
		if groupID, err = s.createLogGroup(ctx); err != nil {
			return "", false, err
		}
	}
	response, err := send(ctx, s.clients, operation{name: "CreateLog", permission: manageLogs, also: useDomains}, logging.CreateLogRequest{
		LogGroupId: &groupID, OpcRetryToken: new(common.RetryToken()),
		CreateLogDetails: logging.CreateLogDetails{
			DisplayName: new(logName), LogType: logging.CreateLogDetailsLogTypeService, IsEnabled: new(true), RetentionDuration: new(30),
			Configuration: &logging.Configuration{
				CompartmentId: &s.compartment,
				Source:        logging.OciService{Service: new(logService), Resource: &s.options.DomainID, Category: new(logCategory)},
			},
		},
	}, s.clients.logging.CreateLog)
	if err == nil {
		err = s.await(ctx, "CreateLog", response.OpcWorkRequestId)
	}
	return "created the service log of dropped data; it keeps 30 days", true, err
}

func (s *Setup) createLogGroup(ctx context.Context) (string, error) {
	response, err := send(ctx, s.clients, operation{name: "CreateLogGroup", permission: manageLogs}, logging.CreateLogGroupRequest{
		OpcRetryToken: new(common.RetryToken()),
		CreateLogGroupDetails: logging.CreateLogGroupDetails{
			CompartmentId: &s.compartment, DisplayName: &s.options.LogGroup, Description: new("Logs of APM domains. Created by apmctl."),
		},
	}, s.clients.logging.CreateLogGroup)
	if err != nil {
		return "", err
	}
	if err := s.await(ctx, "CreateLogGroup", response.OpcWorkRequestId); err != nil {
		return "", err
	}
	groups, err := s.listLogGroups(ctx)
	for _, group := range groups {
		if text(group.DisplayName) == s.options.LogGroup {
			return text(group.Id), err
		}
	}
	if err == nil {
		err = fmt.Errorf("the log group %s was created, but OCI does not list it yet: run apmctl setup again", s.options.LogGroup)
	}
	return "", err
}

// await waits until Logging has carried a change out.
func (s *Setup) await(ctx context.Context, change string, workRequestID *string) error {
	if workRequestID == nil {
		return nil
	}
	deadline := time.Now().Add(workTimeout)
	for pause := firstPause; time.Now().Before(deadline); pause = min(2*pause, longPause) {
		response, err := send(ctx, s.clients, operation{name: "GetWorkRequest", permission: manageLogs},
			logging.GetWorkRequestRequest{WorkRequestId: workRequestID}, s.clients.logging.GetWorkRequest)
		if err != nil {
			return err
		}
		switch response.Status {
		case logging.OperationStatusSucceeded:
			return nil
		case logging.OperationStatusFailed, logging.OperationStatusCanceled, logging.OperationStatusCancelling:
			return fmt.Errorf("OCI accepted %s and then could not do it (%s): see the work request %s, and allow %q", change, response.Status, *workRequestID, manageLogs)
		default:
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
	return fmt.Errorf("OCI has not finished %s after %s: run apmctl setup again later", change, workTimeout)
}
