// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

// routes returns the operations of the signed services. The verb for an operation on
// attributes is that of oci-go-sdk's apmtraces.
func (s *Server) routes() map[Service][]route {
	read := []Permission{PermissionDomainRead}
	update := []Permission{PermissionDomainUpdate}
	routes := map[Service][]route{
		ServiceAPM: {
			{operation: OperationGetAPMDomain, pattern: "GET " + domainPath, requires: read, handle: s.getAPMDomain},
			{operation: OperationListDataKeys, pattern: "GET " + dataKeysPath, requires: update, handle: s.listDataKeys},
			{operation: OperationGenerateDataKeys, pattern: "POST " + generateKeysPath, requires: update, handle: s.generateDataKeys},
		},
		ServiceSecrets: {
			{operation: OperationGetSecretBundle, pattern: "GET " + secretPath, handle: s.getSecretBundle},
			{operation: OperationGetSecretBundleByName, pattern: "POST " + secretByNamePath, handle: s.getSecretBundleByName},
			{operation: OperationListSecretBundleVersions, pattern: "GET " + secretVersionsPath, handle: s.listSecretBundleVersions},
		},
		ServiceAuth: {
			{operation: OperationX509, pattern: "POST " + x509Path, federation: true, handle: s.exchangeCertificate},
		},
		ServiceAPMConfig: {
			{operation: "ListConfigs", pattern: "GET " + configsPath, requires: read, handle: s.listConfigs},
			{operation: "GetConfig", pattern: "GET " + configPath, requires: read, handle: s.getConfig},
			{operation: "CreateConfig", pattern: "POST " + configsPath, requires: update, handle: s.createConfig},
			{operation: "UpdateConfig", pattern: "PUT " + configPath, requires: update, handle: s.updateConfig},
			{operation: "DeleteConfig", pattern: "DELETE " + configPath, requires: update, handle: s.deleteConfig},
			{operation: "Test", pattern: "POST " + configTestPath, requires: read, handle: s.testConfig},
			{operation: "ValidateSpanFilterPattern", pattern: "POST " + filterValidatePath, requires: read, handle: s.validateFilter},
		},
		ServiceAPMTraces: {
			{operation: "GetTrace", pattern: "GET " + tracePath, requires: read, handle: s.getTrace},
			{operation: "Query", pattern: "POST " + queryPath, requires: read, handle: s.runQuery},
			{operation: "BulkActivateAttribute", pattern: "POST " + activatePath, requires: update, handle: s.activateAttributes},
			{operation: "GetStatusAutoActivate", pattern: "GET " + autoActivateStatusPath, requires: read, handle: s.autoActivateStatus},
			{operation: "PutToggleAutoActivate", pattern: "POST " + autoActivatePath, requires: update, handle: s.toggleAutoActivate},
		},
		ServiceLogging: {
			{operation: "ListLogGroups", pattern: "GET " + logGroupsPath, requires: []Permission{PermissionLogGroupInspect}, handle: s.listLogGroups},
			{operation: "CreateLogGroup", pattern: "POST " + logGroupsPath, requires: []Permission{PermissionLogGroupCreate}, handle: s.createLogGroup},
			{operation: "ListLogs", pattern: "GET " + logsPath, requires: []Permission{PermissionLogObjectInspect}, handle: s.listLogs},
			{operation: "GetLog", pattern: "GET " + logPath, requires: []Permission{PermissionLogObjectRead}, handle: s.getLog},
			{operation: "CreateLog", pattern: "POST " + logsPath, requires: []Permission{PermissionLogObjectCreate}, handle: s.createLog},
			{operation: "UpdateLog", pattern: "PUT " + logPath, requires: []Permission{PermissionLogObjectUpdate}, handle: s.updateLog},
			{operation: "GetWorkRequest", pattern: "GET " + workRequestPath, requires: []Permission{PermissionLogGroupInspect}, handle: s.getWorkRequest},
		},
		ServiceMonitoring: {
			{operation: "ListAlarms", pattern: "GET " + alarmsPath, requires: []Permission{PermissionAlarmInspect}, handle: s.listAlarms},
			{operation: "GetAlarm", pattern: "GET " + alarmPath, requires: []Permission{PermissionAlarmRead, PermissionMetricRead}, handle: s.getAlarm},
			{operation: "CreateAlarm", pattern: "POST " + alarmsPath, requires: []Permission{PermissionAlarmCreate, PermissionMetricRead}, handle: s.createAlarm},
			{operation: "UpdateAlarm", pattern: "PUT " + alarmPath, requires: []Permission{PermissionAlarmUpdate, PermissionMetricRead}, handle: s.updateAlarm},
			{operation: "ListMetrics", pattern: "POST " + listMetricsPath, requires: []Permission{PermissionMetricInspect}, handle: s.listMetrics},
			{operation: "SummarizeMetricsData", pattern: "POST " + summarizeMetricsPath, requires: []Permission{PermissionMetricInspect, PermissionMetricRead}, handle: s.summarizeMetrics},
		},
	}
	for service, operations := range routes {
		for i := range operations {
			operations[i].service, operations[i].signed = service, true
		}
	}
	return routes
}
