// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// capturedFolder has the spans of all forms of URLs. This processor's test data has only
// the spans that its README shows.
const capturedFolder = "../dbspanenricherprocessor/testdata"

// formOfURL finds the name of a URL's form in the statement that was sent over it.
var formOfURL = regexp.MustCompile(` AS (\w+) FROM dual$`)

// oracleNames maps the form of Oracle's URL to the database's name. The URLs are in
// dbspanenricherprocessor/testdata/capture/Urls.java.
var oracleNames = map[string]string{ //nolint:gosec // no password, but the name of a form
	"service": "oracle:orclpdb1", "password": "oracle:orclpdb1", "no_slashes": "oracle:orclpdb1", "no_port": "oracle:orclpdb1",
	"sid": "oracle:orcl", "parameters": "oracle:orclpdb1", "tcp": "oracle:orclpdb1", "oci_service": "oracle:orclpdb1",
	"tcps": "oracle:g1_hotel_high.adb.oraclecloud.com", "tcps_wallet": "oracle:g1_hotel_high.adb.oraclecloud.com",
	"tcps_colon": "oracle:g1_hotel_high.adb.oraclecloud.com", "tcps_no_port": "oracle:orclpdb1",
	"ipv6": "oracle:orclpdb1", "ipv6_no_slashes": "oracle:orclpdb1", "ipv6_no_port": "oracle:orclpdb1", "tcps_ipv6": "oracle:orclpdb1",
	"ipv4": "oracle:orclpdb1", "hosts": "oracle:orclpdb1", "hosts_one_port": "oracle:orclpdb1", "hosts_no_slashes": "oracle:orclpdb1",
	"hosts_lists": "oracle:orclpdb1", "tcps_hosts": "oracle:orclpdb1",
	"descriptor": "oracle:orclpdb1", "descriptor_tcps": "oracle:g1_hotel_high.adb.oraclecloud.com", "descriptor_list": "oracle:orclpdb1",
	"descriptor_ipv6": "oracle:orclpdb1",
	"ldap":            "oracle:hotel", "ldaps": "oracle:hotel", "ldap_no_port": "oracle:hotel", "ldap_entry": "oracle:hotel", "ldap_two": "oracle:hotel",
	"alias": "oracle:hotel_high", "alias_wallet": "oracle:hotel_high", "alias_password": "oracle:hotel_high", "oci": "oracle:hotel_high",
	// Nothing in the span identifies the database.
	"port_alone": "oracle@db1.example.com", "server_mode": "oracle@db1.example.com", "descriptor_sid": "oracle@db1.example.com",
	"config_object": "oracle", "config_object_key": "oracle", "config_https": "oracle", "config_file": "oracle", "config_azure": "oracle",
	"kprb": "oracle",
	// The agent sends the host where it sends an alias, which may contain dots too.
	"no_service": "oracle:db1.example.com",
}

// otherNames has the names for URLs of other products and of wrappers.
var otherNames = map[string]string{ //nolint:gosec // no password, but the name of a form
	// The agent sends nothing about the wrapped URL.
	"p6spy": "other_sql", "p6spy_postgresql": "other_sql", "log4jdbc": "other_sql", "otel": "other_sql", "testcontainers": "other_sql",
	"default_connection": "other_sql", "teradata": "other_sql@db1.example.com", "snowflake": "other_sql@hotel.snowflakecomputing.com",
	"aws":    "postgresql:hotel",
	"h2_tcp": "h2:~/hotel", "h2_tcp_port": "h2:~/hotel", "h2_ssl": "h2:./hotel", "h2_file": "h2:/var/lib/hotel",
	"postgresql_hosts": "postgresql:hotel", "postgresql_password": "postgresql:hotel", "postgresql_database": "postgresql",
	"mysql_hosts": "mysql:hotel", "mysql_failover": "mysql:hotel", "mysql_address": "mysql:hotel", "mysql_password": "mysql:hotel",
	"mariadb_hosts": "mariadb:hotel",
	"sqlserver":     "mssql:hotel", "sqlserver_instance": "mssql:hotel", "sqlserver_properties": "mssql:hotel", "jtds": "mssql:hotel",
	"db2": "db2:hotel", "sap": "hanadb:hotel", "clickhouse": "clickhouse:hotel", "informix": "informix:hotel", "derby": "derby:hotel",
	"hsqldb": "hsqldb:hotel", "sqlite": "sqlite:hotel.db",
}

// legacyNames has the names that differ under the legacy attributes. There the agent
// sends an instance instead of the database, a host that is in no URL, and the scheme.
var legacyNames = map[string]string{
	"sqlserver_instance": "mssql:night", "jtds": "mssql:night", "postgresql_database": "postgresql@localhost",
	"teradata": "teradata@db1.example.com", "snowflake": "snowflake@hotel.snowflakecomputing.com",
}

// bothNames has the names that differ when the agent sends both generations. Then only
// the host and the scheme come from the legacy attributes.
var bothNames = map[string]string{
	"postgresql_database": legacyNames["postgresql_database"], "teradata": legacyNames["teradata"], "snowflake": legacyNames["snowflake"],
}

// TestCapturedURLs requires that a database gets the same name for a URL in each mode and
// each version of the Java agent.
func TestCapturedURLs(t *testing.T) {
	tests := []struct {
		folder      string
		want, other map[string]string // other takes precedence over want
		mute        bool              // the version sends nothing for many forms
	}{
		{folder: "java_oracle_urls", want: oracleNames},
		{folder: "java_oracle_urls_stable", want: oracleNames},
		{folder: "java_oracle_urls_dup", want: oracleNames},
		{folder: "java_oracle_urls_2_31", want: oracleNames},
		{folder: "java_oracle_urls_2_31_stable", want: oracleNames},
		{folder: "java_oracle_urls_2_20", want: oracleNames, mute: true},
		{folder: "java_urls", want: otherNames, other: legacyNames},
		{folder: "java_urls_stable", want: otherNames},
		{folder: "java_urls_dup", want: otherNames, other: bothNames},
	}
	for _, tt := range tests {
		t.Run(tt.folder, func(t *testing.T) {
			got := capturedNames(t, tt.folder, createDefaultConfig().(*Config))
			assert.Len(t, got, len(tt.want))
			for form, name := range got {
				want, found := tt.other[form]
				if !found {
					want, found = tt.want[form]
				}
				require.True(t, found, form)
				if !tt.mute || name != "oracle" {
					assert.Equal(t, want, name, form)
				}
			}
		})
	}
}

// TestCapturedRule requires that a rule for Autonomous Databases matches only them,
// however the agent reads their URLs.
func TestCapturedRule(t *testing.T) {
	adb := "adb"
	cfg := createDefaultConfig().(*Config)
	cfg.Rules = []RuleConfig{{Match: map[string]any{"db.system": "oracle", "db.namespace": "*.oraclecloud.com"}, Name: &adb}}
	for _, folder := range []string{"java_oracle_urls", "java_oracle_urls_stable", "java_oracle_urls_2_31", "java_oracle_urls_2_31_stable"} {
		t.Run(folder, func(t *testing.T) {
			var taken []string
			for form, name := range capturedNames(t, folder, cfg) {
				if name == adb {
					taken = append(taken, form)
				}
			}
			assert.ElementsMatch(t, []string{"tcps", "tcps_wallet", "tcps_colon", "descriptor_tcps"}, taken)
		})
	}
}

// capturedNames maps the form of each URL in a case to the name of its peer.
func capturedNames(t *testing.T, folder string, cfg *Config) map[string]string {
	t.Helper()
	td, err := golden.ReadTraces(filepath.Join(capturedFolder, folder, "input.yaml"))
	require.NoError(t, err)
	got, err := newTestNamer(t, cfg).processTraces(t.Context(), td)
	require.NoError(t, err)
	names := map[string]string{}
	for _, span := range got.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		form := formOfURL.FindStringSubmatch(firstText(span.Attributes(), "db.query.text", "db.statement"))
		require.NotNil(t, form, span.Name())
		name, _ := span.Attributes().Get(attrPeerService)
		names[form[1]] = name.Str()
	}
	return names
}

// firstText returns the first of the attributes that has a text.
func firstText(attrs pcommon.Map, names ...string) string {
	for _, name := range names {
		if value, found := attrs.Get(name); found && value.Str() != "" {
			return value.Str()
		}
	}
	return ""
}
