// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/oracle/oci-go-sdk/v65/apmconfig"
	"github.com/oracle/oci-go-sdk/v65/common"
)

// dryRun is the value of the header with which OCI validates a change without making it.
const dryRun = "true"

// optionsItem is a configuration item of type OPTIONS.
type optionsItem struct {
	id      string
	etag    string
	name    string
	options map[string]any
}

// listOptions returns the items of a group.
func (s *Setup) listOptions(ctx context.Context, group string) ([]optionsItem, error) {
	var items []optionsItem
	err := pages(func(page *string) (*string, error) {
		response, err := send(ctx, s.clients, operation{name: "ListConfigs", permission: readDomains},
			apmconfig.ListConfigsRequest{ApmDomainId: &s.options.DomainID, OptionsGroup: &group, Page: page}, s.clients.config.ListConfigs)
		if err != nil {
			return nil, err
		}
		for _, summary := range response.Items {
			found, ok := summary.(apmconfig.OptionsSummary)
			if !ok || found.Options == nil {
				continue
			}
			options, _ := (*found.Options).(map[string]any) // anything else is no item of ours
			items = append(items, optionsItem{id: text(found.Id), etag: text(found.Etag), name: text(found.DisplayName), options: options})
		}
		return response.OpcNextPage, nil
	})
	return items, err
}

// createOptions creates an item, or has OCI validate it.
func (s *Setup) createOptions(ctx context.Context, group, name, description string, options map[string]any, dry bool) error {
	var value any = options
	request := apmconfig.CreateConfigRequest{
		ApmDomainId: &s.options.DomainID, OpcRetryToken: new(common.RetryToken()),
		CreateConfigDetails: apmconfig.CreateOptionsDetails{DisplayName: &name, Group: &group, Description: &description, Options: &value},
	}
	if dry {
		request.OpcDryRun = new(dryRun)
	}
	_, err := send(ctx, s.clients, operation{name: "CreateConfig", permission: useDomains}, request, s.clients.config.CreateConfig)
	return err
}

// updateOptions replaces the options of an item if nobody has changed it meanwhile, or
// has OCI validate that.
func (s *Setup) updateOptions(ctx context.Context, group string, item optionsItem, options map[string]any, dry bool) error {
	var value any = options
	request := apmconfig.UpdateConfigRequest{
		ApmDomainId: &s.options.DomainID, ConfigId: &item.id,
		UpdateConfigDetails: apmconfig.UpdateOptionsDetails{DisplayName: &item.name, Group: &group, Options: &value},
	}
	if item.etag != "" {
		request.IfMatch = &item.etag
	}
	if dry {
		request.OpcDryRun = new(dryRun)
	}
	_, err := send(ctx, s.clients, operation{name: "UpdateConfig", permission: useDomains}, request, s.clients.config.UpdateConfig)
	return err
}

// differences describes the fields of wanted that have another value in got.
func differences(got, wanted map[string]any) []string {
	var different []string
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if !sameJSON(got[name], wanted[name]) {
			different = append(different, fmt.Sprintf("%s is %s, not %s", name, encode(got[name]), encode(wanted[name])))
		}
	}
	return different
}

func sameJSON(a, b any) bool { return reflect.DeepEqual(decoded(a), decoded(b)) }

// decoded returns a value as it is after a way through JSON, where all numbers are of
// one type.
func decoded(value any) any {
	var decoded any
	_ = json.Unmarshal([]byte(encode(value)), &decoded) // encode returns JSON
	return decoded
}

// encode returns a value as JSON, readable: with < and & as they are.
func encode(value any) string {
	var encoded strings.Builder
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil { // the values come from JSON
		return "null"
	}
	return strings.TrimSuffix(encoded.String(), "\n")
}
