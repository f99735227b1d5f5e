// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"go.uber.org/zap"
)

// The instance metadata service:
// https://docs.oracle.com/en-us/iaas/Content/Compute/Tasks/gettingmetadata.htm
const (
	metadataPath          = "/opc/v2/"
	metadataAuthorization = "Bearer Oracle"
)

// forwardingHeaders are the headers with which the metadata service rejects a
// request.
var forwardingHeaders = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host"}

// metadataHandler answers requests to the instance metadata service.
func (s *Server) metadataHandler() http.Handler {
	return s.handlerOf([]route{
		{service: ServiceMetadata, operation: OperationMetadata, pattern: "GET " + metadataPath + "{path...}", handle: s.getMetadata},
	})
}

// getMetadata answers with a part of the instance's metadata: an object as
// JSON, anything else as plain text.
func (s *Server) getMetadata(c *call) (any, *failure) {
	for _, name := range forwardingHeaders {
		if c.r.Header.Get(name) != "" {
			return nil, &failure{
				status: http.StatusForbidden, code: CodeNotAuthorizedOrNotFound, message: "Forbidden",
				reason: ReasonForwarded, detail: "the header " + name,
			}
		}
	}
	if c.r.Header.Get("Authorization") != metadataAuthorization {
		return nil, unauthenticated(ReasonNotSigned, "the header \"Authorization: "+metadataAuthorization+"\" is missing")
	}
	var value any = s.metadata()
	for name := range strings.SplitSeq(strings.Trim(c.r.PathValue("path"), "/"), "/") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, notFound(ReasonNotFound, "no such metadata")
		}
		if value, ok = object[name]; !ok {
			return nil, notFound(ReasonNotFound, "no such metadata")
		}
	}
	if plain, ok := value.(string); ok {
		return text(plain), nil
	}
	return value, nil
}

// metadata returns the complete metadata. The fields are those of a real
// answer.
func (s *Server) metadata() map[string]any {
	region, i := s.config.Region, s.instance
	s.mu.Lock()
	custom := maps.Clone(s.instanceMetadata)
	s.mu.Unlock()
	return map[string]any{
		"instance": map[string]any{
			"agentConfig":         map[string]any{"managementDisabled": false, "monitoringDisabled": false},
			"availabilityDomain":  "EMIr:" + strings.ToUpper(regionKey(region)) + "-AD-1",
			"canonicalRegionName": region,
			"compartmentId":       i.compartment,
			"definedTags":         map[string]any{},
			"displayName":         "sandbox-instance",
			"faultDomain":         "FAULT-DOMAIN-2",
			"freeformTags":        map[string]any{},
			"hostname":            "sandbox-instance",
			"id":                  i.id,
			"image":               "ocid1.image.oc1." + regionKey(region) + "." + i.id[strings.LastIndexByte(i.id, '.')+1:],
			"metadata":            custom,
			"ociAdName":           regionKey(region) + "-ad-1",
			"region":              regionKey(region),
			"regionInfo": map[string]any{
				"realmDomainComponent": "oraclecloud.com",
				"realmKey":             "oc1",
				"regionIdentifier":     region,
				"regionKey":            strings.ToUpper(regionKey(region)),
			},
			"shape":       "VM.Standard.E4.Flex",
			"shapeConfig": map[string]any{"memoryInGBs": 16.0, "networkingBandwidthInGbps": 1.0, "ocpus": 1.0},
			"state":       "Running",
			"tenantId":    i.tenancy,
			"timeCreated": i.created.UnixMilli(),
		},
		"identity": map[string]any{
			"cert.pem":         string(certificatePEM(i.certificate)),
			"key.pem":          string(privateKeyPEM(i.key)),
			"intermediate.pem": string(certificatePEM(i.intermediate.certificate)),
			"fingerprint":      fingerprintOf(i.certificate),
			"tenancyId":        i.tenancy,
		},
	}
}

// defaultInstanceMetadata returns the custom metadata of a node of a Kubernetes
// cluster (OKE), which contains the names of the cluster.
func defaultInstanceMetadata(region string) map[string]any {
	return map[string]any{
		"oke-cluster-display-name": "sandbox-cluster",
		"oke-cluster-id":           newOCID("cluster", region),
		"oke-pool-id":              newOCID("nodepool", region),
		"oke-is-preemptible":       "false",
		"realm":                    "oc1",
		"ssh_authorized_keys":      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 nobody",
	}
}

// SetInstanceMetadata replaces the custom metadata of the instance. A new
// sandbox has that of a node of a Kubernetes cluster (OKE), with the names
// oke-cluster-id and oke-cluster-display-name. nil is for an instance without
// any.
func (s *Server) SetInstanceMetadata(metadata map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instanceMetadata = maps.Clone(metadata)
}

// InstanceMetadata returns the answer to GET /opc/v2/instance/, decoded from
// its JSON.
func (s *Server) InstanceMetadata() map[string]any {
	encoded, err := json.Marshal(s.metadata()["instance"])
	if err != nil {
		// Only SetInstanceMetadata can add values that JSON cannot represent.
		s.logger.Error("metadata not encoded", zap.Error(err))
		return nil
	}
	var decoded map[string]any
	_ = json.Unmarshal(encoded, &decoded) // it was encoded a moment ago
	return decoded
}

// internal is the answer if the sandbox itself has failed.
func (s *Server) internal(err error) *failure {
	s.logger.Error("the OCI sandbox failed", zap.Error(err))
	return &failure{
		status: http.StatusInternalServerError, code: CodeInternalServerError, message: "Internal Server Error",
	}
}
