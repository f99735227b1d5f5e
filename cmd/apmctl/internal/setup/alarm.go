// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"slices"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/monitoring"
)

const (
	alarmNamespace = "oci_apm"
	alarmName      = "APM span ingestion"
)

// checkAlarm looks for the alarm by its name.
func (s *Setup) checkAlarm(ctx context.Context) (finding, error) {
	if len(s.options.AlarmTopics) == 0 {
		return leftOut("left out: an alarm needs somebody to notify, --alarm-topic OCID"), nil
	}
	if s.compartment == "" {
		return finding{}, errNoCompartment
	}
	var found *monitoring.AlarmSummary
	err := pages(func(page *string) (*string, error) {
		response, err := send(ctx, s.clients, operation{name: "ListAlarms", permission: manageAlarms}, monitoring.ListAlarmsRequest{
			CompartmentId: &s.compartment, DisplayName: new(alarmName), Page: page,
		}, s.clients.monitoring.ListAlarms)
		for _, alarm := range response.Items {
			// Of several with the same name, one that is as wanted is enough.
			if text(alarm.DisplayName) == alarmName && (found == nil || len(s.alarmDifferences(&alarm)) == 0) {
				found = &alarm
			}
		}
		return response.OpcNextPage, err
	})
	if err != nil {
		return finding{}, err
	}
	if found == nil {
		return finding{
			status: StatusMissing, text: fmt.Sprintf("create the alarm %q: %s", alarmName, s.options.AlarmQuery),
			apply: s.createAlarm,
		}, nil
	}
	if different := s.alarmDifferences(found); len(different) > 0 {
		return s.differing(StepAlarm, finding{
			text: fmt.Sprintf("the alarm %q exists and differs", alarmName), differences: different,
			apply: func(ctx context.Context) (string, bool, error) { return s.updateAlarm(ctx, found) },
		}), nil
	}
	return present(fmt.Sprintf("the alarm %q is on: %s", alarmName, s.options.AlarmQuery)), nil
}

func (s *Setup) alarmDifferences(alarm *monitoring.AlarmSummary) []string {
	got := map[string]any{"namespace": alarm.Namespace, "query": alarm.Query, "metricCompartmentId": alarm.MetricCompartmentId, "isEnabled": alarm.IsEnabled}
	different := differences(got, map[string]any{
		"namespace": alarmNamespace, "query": s.options.AlarmQuery, "metricCompartmentId": s.compartment, "isEnabled": true,
	})
	for _, topic := range s.options.AlarmTopics {
		if !slices.Contains(alarm.Destinations, topic) {
			different = append(different, "it does not notify "+topic)
		}
	}
	return different
}

func (s *Setup) createAlarm(ctx context.Context) (done string, changed bool, err error) {
	_, err = send(ctx, s.clients, operation{name: "CreateAlarm", permission: manageAlarms, also: readMetrics}, monitoring.CreateAlarmRequest{
		OpcRetryToken: new(common.RetryToken()),
		CreateAlarmDetails: monitoring.CreateAlarmDetails{
			DisplayName: new(alarmName), CompartmentId: &s.compartment, MetricCompartmentId: &s.compartment,
			Namespace: new(alarmNamespace), Query: &s.options.AlarmQuery, Severity: monitoring.AlarmSeverityWarning,
			Destinations: s.options.AlarmTopics, IsEnabled: new(true),
			Body: new("SpanIngestions counts the spans that the APM domains of this compartment ingest. Created by apmctl."),
		},
	}, s.clients.monitoring.CreateAlarm)
	return fmt.Sprintf("created the alarm %q", alarmName), true, err
}

// updateAlarm changes the fields that differ. Topics are added, not removed.
func (s *Setup) updateAlarm(ctx context.Context, alarm *monitoring.AlarmSummary) (done string, changed bool, err error) {
	read, err := send(ctx, s.clients, operation{name: "GetAlarm", permission: manageAlarms, also: readMetrics},
		monitoring.GetAlarmRequest{AlarmId: alarm.Id}, s.clients.monitoring.GetAlarm)
	if err != nil {
		return "", false, err
	}
	topics := slices.Clone(read.Destinations)
	for _, topic := range s.options.AlarmTopics {
		if !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
	}
	_, err = send(ctx, s.clients, operation{name: "UpdateAlarm", permission: manageAlarms, also: readMetrics}, monitoring.UpdateAlarmRequest{
		AlarmId: alarm.Id, IfMatch: read.Etag,
		UpdateAlarmDetails: monitoring.UpdateAlarmDetails{
			Namespace: new(alarmNamespace), Query: &s.options.AlarmQuery, MetricCompartmentId: &s.compartment,
			Destinations: topics, IsEnabled: new(true),
		},
	}, s.clients.monitoring.UpdateAlarm)
	return fmt.Sprintf("changed the alarm %q", alarmName), true, err
}
