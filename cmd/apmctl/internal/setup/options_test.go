// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

const someDomain = "ocid1.apmdomain.oc1.phx.aaaaaaaasandbox"

func TestValidate(t *testing.T) {
	require.NoError(t, Options{DomainID: someDomain, Skip: Steps()}.Validate())
	for _, tc := range []struct {
		name    string
		options Options
		want    string
	}{
		{"no domain", Options{}, "--apm-domain-id: it is empty"},
		{"another kind", Options{DomainID: "ocid1.instance.oc1.phx.aaaa"}, "--apm-domain-id: it is the OCID of another kind"},
		{"auth", Options{Auth: ociauth.Config{Type: "password"}}, "--auth: "},
		{"skip", Options{Skip: []string{"rules"}}, `--skip: "rules" is not a step; write some of data-key, `},
		{"replace", Options{Replace: []string{"rules"}}, `--replace: "rules" is not a step`},
		{"both", Options{Skip: []string{"rule"}, Replace: []string{"rule"}}, "both name rule"},
		{"database", Options{Databases: []Database{{Name: "ocid1.database.oc1.phx.aaaa"}}}, "--database: write NAME=OCID"},
		{"two databases", Options{Databases: []Database{{"A", "ocid1.database.a"}, {"A", "ocid1.database.b"}}}, "--database: A is there twice"},
		{"compartment", Options{CompartmentID: "mine"}, "--compartment-id: write the OCID"},
		{"insights", Options{InsightsCompartmentID: "mine"}, "--operations-insights-compartment-id: write the OCID"},
		{"topic", Options{AlarmTopics: []string{"me@example.com"}}, "--alarm-topic: write the OCID"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.ErrorContains(t, tc.options.Validate(), tc.want)
		})
	}
}

// The names to activate are those that the rule makes, as far as we know it.
func TestAttributes(t *testing.T) {
	var names []string
	for _, name := range []string{"DbStatement", "DbOracleSqlId", "db.system", "db.operation", "db.name", "peer.service"} {
		names = append(names, apm.AttributeName(name))
	}
	assert.Equal(t, names, Attributes)
}

// The Terraform module of deploy/oci creates the same items; its test reads the file.
func TestItems(t *testing.T) {
	type item struct {
		Group   string         `json:"group"`
		Options map[string]any `json:"options"`
	}
	items := map[string]item{ruleName: {Group: ruleGroup, Options: wantedRule()}}
	for _, d := range []drilldown{
		performanceHub(Database{Name: "ORCL", ID: "ocid1.database.oc1.phx.aaaa"}), operationsInsights("us-phoenix-1", "ocid1.compartment.oc1..aaaa"),
	} {
		items[d.name] = item{Group: drilldownGroup, Options: d.options()}
	}
	got, err := json.MarshalIndent(items, "", "  ")
	require.NoError(t, err)
	file := filepath.Join("testdata", "items.json")
	if *update {
		require.NoError(t, os.WriteFile(file, append(got, '\n'), 0o600))
	}
	want, err := os.ReadFile(file) //nolint:gosec // a file of this folder
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got)+"\n")
}

func TestDrilldowns(t *testing.T) {
	link := performanceHub(Database{Name: "ORCL", ID: "ocid1.database.oc1.phx.aaaa"})
	assert.Equal(t, `/dbmgmt-ui/perfhub?ocid=ocid1.database.oc1.phx.aaaa&perfhubContext={"dateTime":{"period":"LAST_24_HOUR"},"viewPort":{"startDate":"<StartTimeInMs>",`+
		`"endDate":"<EndTimeInMs>"},"selectedTab":{"name":"activityTab","filters":[{"key":"filter_list","value":"{\"sqlid\":{\"value\":\"<DbOracleSqlId>\",\"disabled\":true}}"}]}}`, link.url)
	link = operationsInsights("us-phoenix-1", "ocid1.compartment.oc1..aaaa")
	assert.Equal(t, "/opsi/sql-warehouse?sqlId=<DbOracleSqlId>&region=us-phoenix-1&compartmentId=ocid1.compartment.oc1..aaaa", link.url)
}
