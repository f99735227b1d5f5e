// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"

	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"
)

// dataKeyName is the name of a data key that the setup generates.
const dataKeyName = "otelcol-ociapm"

// checkDataKey looks for a private data key, which traces, metrics and logs can use.
func (s *Setup) checkDataKey(ctx context.Context) (finding, error) {
	list := operation{name: "ListDataKeys", permission: useDomains}
	response, err := send(ctx, s.clients, list, apmcontrolplane.ListDataKeysRequest{
		ApmDomainId: &s.options.DomainID, DataKeyType: apmcontrolplane.ListDataKeysDataKeyTypePrivate,
	}, s.clients.controlPlane.ListDataKeys)
	if err != nil {
		return finding{}, err
	}
	if len(response.Items) > 0 {
		return present("there is a private data key, " + text(response.Items[0].Name)), nil
	}
	return finding{
		status: StatusMissing,
		text:   "there is no private data key: generate one named " + dataKeyName,
		apply: func(ctx context.Context) (string, bool, error) {
			_, err := send(ctx, s.clients, operation{name: "GenerateDataKeys", permission: useDomains}, apmcontrolplane.GenerateDataKeysRequest{
				ApmDomainId: &s.options.DomainID,
				GenerateDataKeysListDetails: []apmcontrolplane.GenerateDataKeyDetails{
					{Name: new(dataKeyName), Type: apmcontrolplane.DataKeyTypesPrivate},
				},
			}, s.clients.controlPlane.GenerateDataKeys)
			return "generated the private data key " + dataKeyName + "; a collector with apm_domain_id finds it by itself", true, err
		},
	}, nil
}
