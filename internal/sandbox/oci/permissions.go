// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"errors"
	"fmt"
	"slices"
)

// Permission is a permission of OCI's policies, as the policy reference of its service
// names it.
type Permission string

// The permissions that an operation of the sandbox requires.
const (
	// https://docs.oracle.com/iaas/Content/Identity/Reference/apmpolicyreference.htm.
	// The page does not list Test and the operations on attributes: that they read
	// and write like the others is an assumption.
	PermissionDomainRead   Permission = "APM_DOMAIN_READ"
	PermissionDomainUpdate Permission = "APM_DOMAIN_UPDATE"

	// https://docs.oracle.com/iaas/Content/Identity/Reference/loggingpolicyreference.htm.
	// That GetWorkRequest requires LOG_GROUP_INSPECT is an assumption.
	PermissionLogGroupInspect  Permission = "LOG_GROUP_INSPECT"
	PermissionLogGroupCreate   Permission = "LOG_GROUP_CREATE"
	PermissionLogObjectInspect Permission = "LOG_OBJECT_INSPECT"
	PermissionLogObjectRead    Permission = "LOG_OBJECT_READ"
	PermissionLogObjectCreate  Permission = "LOG_OBJECT_CREATE"
	PermissionLogObjectUpdate  Permission = "LOG_OBJECT_UPDATE"

	// https://docs.oracle.com/iaas/Content/Identity/Reference/monitoringpolicyreference.htm
	PermissionAlarmInspect  Permission = "ALARM_INSPECT"
	PermissionAlarmRead     Permission = "ALARM_READ"
	PermissionAlarmCreate   Permission = "ALARM_CREATE"
	PermissionAlarmUpdate   Permission = "ALARM_UPDATE"
	PermissionMetricInspect Permission = "METRIC_INSPECT"
	PermissionMetricRead    Permission = "METRIC_READ"
)

// Permissions returns every permission that an operation of the sandbox requires.
func Permissions() []Permission {
	return []Permission{
		PermissionDomainRead, PermissionDomainUpdate,
		PermissionLogGroupInspect, PermissionLogGroupCreate,
		PermissionLogObjectInspect, PermissionLogObjectRead, PermissionLogObjectCreate, PermissionLogObjectUpdate,
		PermissionAlarmInspect, PermissionAlarmRead, PermissionAlarmCreate, PermissionAlarmUpdate,
		PermissionMetricInspect, PermissionMetricRead,
	}
}

// DenyPermissions replaces the list of permissions that no caller has. An empty list
// allows everything, which is the default: the sandbox does not evaluate policies.
func (s *Server) DenyPermissions(denied ...Permission) error {
	var errs []error
	for _, permission := range denied {
		if !slices.Contains(Permissions(), permission) {
			errs = append(errs, fmt.Errorf("denied: must be of %v, got %q", Permissions(), permission))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = slices.Clone(denied)
	return nil
}

// authorize returns the answer to a caller that lacks one of the permissions.
func (s *Server) authorize(required []Permission) *failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, permission := range required {
		if slices.Contains(s.denied, permission) {
			return notFound(ReasonPermission, "the caller lacks "+string(permission))
		}
	}
	return nil
}
