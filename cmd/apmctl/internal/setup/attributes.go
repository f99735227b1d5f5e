// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"strings"

	"github.com/oracle/oci-go-sdk/v65/apmtraces"
)

// Attributes are the names under which APM shows the attributes that the collector adds
// to spans. The collector writes the first two itself; the rule converts the others from
// db.system, db.operation, db.name and peer.service. That it gives them exactly these
// names is our reading of Oracle's published configurations, and waits for a test with a
// real domain.
var Attributes = []string{"DbStatement", "DbOracleSqlId", "DbSystem", "DbOperation", "DbName", "PeerService"}

// checkAutoActivate looks whether APM activates new attributes by itself, which is the
// default: otherwise, the attributes of apps stay invisible.
func (s *Setup) checkAutoActivate(ctx context.Context) (finding, error) {
	response, err := send(ctx, s.clients, operation{name: "GetStatusAutoActivate", permission: readDomains}, apmtraces.GetStatusAutoActivateRequest{
		ApmDomainId: &s.options.DomainID, DataKeyType: apmtraces.GetStatusAutoActivateDataKeyTypePrivateDataKey,
	}, s.clients.attributes.GetStatusAutoActivate)
	if err != nil {
		return finding{}, err
	}
	if response.State == apmtraces.AutoActivateStatusStateOn {
		return present("new attributes of spans with a private data key are activated automatically"), nil
	}
	return s.differing(StepAutoActivate, finding{
		text: "new attributes of spans are not activated automatically, and are invisible until somebody activates them",
		apply: func(ctx context.Context) (string, bool, error) {
			_, err := send(ctx, s.clients, operation{name: "PutToggleAutoActivate", permission: useDomains}, apmtraces.PutToggleAutoActivateRequest{
				ApmDomainId: &s.options.DomainID, IsAutoActivateOn: new(true), DataKeyType: apmtraces.PutToggleAutoActivateDataKeyTypePrivateDataKey,
			}, s.clients.attributes.PutToggleAutoActivate)
			return "switched automatic activation on", true, err
		},
	}), nil
}

// checkAttributes cannot ask OCI which attributes are active: there is no such call.
// Activation is idempotent and says what it did.
func (s *Setup) checkAttributes(context.Context) (finding, error) {
	return finding{
		status: StatusUncertain,
		text:   "OCI has no call that lists active attributes: --apply activates those of " + strings.Join(Attributes, ", ") + " that are not active",
		apply:  s.activateAttributes,
	}, nil
}

func (s *Setup) activateAttributes(ctx context.Context) (done string, changed bool, err error) {
	var details []apmtraces.BulkActivateAttributeDetail
	for _, name := range Attributes {
		details = append(details, apmtraces.BulkActivateAttributeDetail{
			AttributeName: &name, AttributeType: apmtraces.BulkActivateAttributeDetailAttributeTypeString,
			AttributeNameSpace: apmtraces.BulkActivateAttributeDetailAttributeNameSpaceTraces,
		})
	}
	response, err := send(ctx, s.clients, operation{name: "BulkActivateAttribute", permission: useDomains}, apmtraces.BulkActivateAttributeRequest{
		ApmDomainId: &s.options.DomainID, BulkActivateAttributeDetails: apmtraces.BulkActivateAttributeDetails{AttributeDetails: details},
	}, s.clients.attributes.BulkActivateAttribute)
	if err != nil {
		return "", false, err
	}
	metadata := response.BulkActivationMetadata
	if metadata == nil || metadata.OperationStatus != apmtraces.BulkActivationMetadataOperationStatusSuccess {
		return "", false, activationError(response.BulkActivationStatus)
	}
	var activated []string
	for _, status := range response.AttributeStatuses {
		if status.AttributeStatus == apmtraces.AttributeResponseAttributeStatusAttributeActivated {
			activated = append(activated, text(status.AttributeName))
		}
	}
	free := ""
	if metadata.AvailableStringAttributes != nil {
		free = fmt.Sprintf("; %d more text attributes can be active in this domain", *metadata.AvailableStringAttributes)
	}
	if len(activated) == 0 {
		return "all attributes are active" + free, false, nil
	}
	return "activated " + strings.Join(activated, ", ") + free, true, nil
}

// activationError names the attributes that keep OCI from activating any of them.
func activationError(status apmtraces.BulkActivationStatus) error {
	outcome := "no status"
	if status.BulkActivationMetadata != nil {
		outcome = string(status.BulkActivationMetadata.OperationStatus)
	}
	var bad []string
	for _, attribute := range status.AttributeStatuses {
		switch attribute.AttributeStatus {
		case apmtraces.AttributeResponseAttributeStatusInvalidAttribute, apmtraces.AttributeResponseAttributeStatusInvalidAttributeTypeConflict:
			bad = append(bad, fmt.Sprintf("%s (%s)", text(attribute.AttributeName), attribute.AttributeStatus))
		default:
		}
	}
	advice := "deactivate attributes that you do not need (OCI Console > APM > Administration > Span attributes)"
	if len(bad) > 0 {
		advice = "look at " + strings.Join(bad, ", ")
	}
	return fmt.Errorf("OCI activated no attribute (%s): %s", outcome, advice)
}
