// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// The module creates the configuration items that apmctl setup creates. apmctl's test
// writes the file.
func TestModuleAndSetupAgree(t *testing.T) {
	type item struct {
		Group   string         `json:"group"`
		Options map[string]any `json:"options"`
	}
	content, err := os.ReadFile(filepath.Join(harness.Root(t), "cmd", "apmctl", "internal", "setup", "testdata", "items.json"))
	require.NoError(t, err)
	var want map[string]item
	require.NoError(t, json.Unmarshal(content, &want))
	require.Len(t, want, 3)

	e := parseModule(t, "terraform").evaluate(t, map[string]cty.Value{
		"tenancy_ocid": cty.StringVal("<tenancy>"), "compartment_ocid": cty.StringVal("ocid1.compartment.oc1..aaaa"), "apm_domain_ocid": cty.StringVal("<APM domain>"),
		"set_up_domain": cty.True, "operations_insights_region": cty.StringVal("us-phoenix-1"),
		"databases":         cty.MapVal(map[string]cty.Value{"ORCL": cty.StringVal("ocid1.database.oc1.phx.aaaa")}),
		"alarm_topic_ocids": cty.ListVal([]cty.Value{cty.StringVal("<topic>")}),
	})
	got := map[string]item{}
	add := func(value cty.Value) {
		var options map[string]any
		require.NoError(t, json.Unmarshal([]byte(value.GetAttr("options").AsString()), &options))
		got[value.GetAttr("display_name").AsString()] = item{Group: value.GetAttr("group").AsString(), Options: options}
		assert.Equal(t, "<APM domain>", value.GetAttr("apm_domain_id").AsString())
	}
	configs := e.resources["oci_apm_config_config"]
	for _, value := range configs["naming_rule"].AsValueSlice() {
		add(value)
	}
	for _, value := range configs["drilldown"].AsValueMap() {
		add(value)
	}
	assert.Equal(t, want, got)
	assert.Equal(t, []string{"<topic>"}, e.arguments("oci_monitoring_alarm", "destinations"))
	assert.Equal(t, []string{"SpanIngestions[1h].absent()"}, e.arguments("oci_monitoring_alarm", "query"))
	assert.Equal(t, []string{"id of oci_logging_log_group.this[0]"}, e.arguments("oci_logging_log", "log_group_id"))
}

// The domain is not set up unless somebody asks for it.
func TestModuleLeavesDomainAlone(t *testing.T) {
	e := parseModule(t, "terraform").evaluate(t, map[string]cty.Value{
		"tenancy_ocid": cty.StringVal("<tenancy>"), "compartment_ocid": cty.StringVal(apmCompartment), "apm_domain_ocid": cty.StringVal("<APM domain>"),
	})
	for _, kind := range []string{"oci_apm_config_config", "oci_logging_log_group", "oci_logging_log", "oci_monitoring_alarm"} {
		assert.Empty(t, e.arguments(kind, "display_name"), kind)
	}
}
