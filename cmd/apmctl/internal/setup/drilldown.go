// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"net/url"
	"strings"
)

const (
	drilldownGroup = "APM_DRILLDOWN"
	// hasSQLID is the condition of the drill-downs.
	hasSQLID = "DbOracleSqlId is not omitted"
)

// drilldown is a link from a span to another page of the OCI Console. A name in angle
// brackets in the URL is replaced by the span's attribute.
type drilldown struct {
	name       string
	url        string
	dimensions []any // the attributes in the URL, in order
}

func (d drilldown) options() map[string]any {
	return map[string]any{
		"enabled": true, "drilldownName": d.name, "drilldownURL": d.url, "dimensions": d.dimensions, "drilldownCondition": hasSQLID,
	}
}

// performanceHub links to a database's Performance Hub, filtered by SQL_ID. The URL is
// that of Oracle's announcement of drill-downs.
func performanceHub(database Database) drilldown {
	const context = `{"dateTime":{"period":"LAST_24_HOUR"},"viewPort":{"startDate":"<StartTimeInMs>","endDate":"<EndTimeInMs>"},` +
		`"selectedTab":{"name":"activityTab","filters":[{"key":"filter_list","value":"{\"sqlid\":{\"value\":\"<DbOracleSqlId>\",\"disabled\":true}}"}]}}`
	return drilldown{
		name:       "Performance Hub: " + database.Name,
		url:        "/dbmgmt-ui/perfhub?ocid=" + url.QueryEscape(database.ID) + "&perfhubContext=" + context,
		dimensions: []any{"StartTimeInMs", "EndTimeInMs", "DbOracleSqlId"},
	}
}

// operationsInsights links to the statement in the SQL Warehouse, from the same source.
func operationsInsights(region, compartment string) drilldown {
	return drilldown{
		name:       "Operations Insights: SQL",
		url:        "/opsi/sql-warehouse?sqlId=<DbOracleSqlId>&region=" + url.QueryEscape(region) + "&compartmentId=" + url.QueryEscape(compartment),
		dimensions: []any{"DbOracleSqlId"},
	}
}

func (s *Setup) checkPerformanceHub(ctx context.Context) (finding, error) {
	if len(s.options.Databases) == 0 {
		return leftOut("left out: Performance Hub needs the OCID of the database, --database NAME=OCID for each"), nil
	}
	var wanted []drilldown
	for _, database := range s.options.Databases {
		wanted = append(wanted, performanceHub(database))
	}
	return s.checkDrilldowns(ctx, StepPerformanceHub, wanted)
}

func (s *Setup) checkOperationsInsights(ctx context.Context) (finding, error) {
	compartment := s.options.InsightsCompartmentID
	if compartment == "" {
		compartment = s.compartment
	}
	if compartment == "" {
		return finding{}, errNoCompartment
	}
	return s.checkDrilldowns(ctx, StepOperationsInsights, []drilldown{operationsInsights(string(s.clients.region), compartment)})
}

// checkDrilldowns looks for each drill-down by its name.
func (s *Setup) checkDrilldowns(ctx context.Context, step string, wanted []drilldown) (finding, error) {
	items, err := s.listOptions(ctx, drilldownGroup)
	if err != nil {
		return finding{}, err
	}
	byName := map[string]optionsItem{}
	for _, d := range wanted {
		for _, item := range items {
			// Of several with the same name, one that is as wanted is enough.
			if _, found := byName[d.name]; item.name == d.name && (!found || len(differences(item.options, d.options())) == 0) {
				byName[d.name] = item
			}
		}
	}
	var missing, differing []drilldown
	var names, different []string
	for _, d := range wanted {
		item, ok := byName[d.name]
		if !ok {
			missing = append(missing, d)
			names = append(names, d.name)
		} else if found := differences(item.options, d.options()); len(found) > 0 {
			differing = append(differing, d)
			for _, difference := range found {
				different = append(different, d.name+": "+difference)
			}
		}
	}
	change := func(dry bool) func(context.Context) error {
		return func(ctx context.Context) error {
			for _, d := range missing {
				if err := s.createOptions(ctx, drilldownGroup, d.name, "Created by apmctl.", d.options(), dry); err != nil {
					return err
				}
			}
			if !s.options.replaces(step) {
				return nil
			}
			for _, d := range differing {
				if err := s.updateOptions(ctx, drilldownGroup, byName[d.name], d.options(), dry); err != nil {
					return err
				}
			}
			return nil
		}
	}
	found := finding{
		differences: different, dryRun: change(true),
		apply: func(ctx context.Context) (string, bool, error) {
			return "spans with a SQL_ID have a link to " + listNames(wanted), true, change(false)(ctx)
		},
	}
	switch {
	case len(missing)+len(differing) == 0:
		return present("spans with a SQL_ID have a link to " + listNames(wanted)), nil
	case len(missing) == 0:
		found.text = "the drill-down " + listNames(differing) + " exists and differs"
		return s.differing(step, found), nil
	}
	found.status = StatusMissing
	found.text = "create the drill-down " + strings.Join(names, " and ")
	if len(differing) > 0 {
		found.text += "; " + listNames(differing) + " exists and differs"
	}
	return found, nil
}

func listNames(drilldowns []drilldown) string {
	names := make([]string, 0, len(drilldowns))
	for _, d := range drilldowns {
		names = append(names, d.name)
	}
	return strings.Join(names, ", ")
}
