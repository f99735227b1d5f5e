// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import type { Attributes, Span } from './api'

/** A link of the OCI Console that APM's drill-downs open from a span. */
export interface Drilldown {
  name: string
  url: string
  /** Placeholders that the span has no value for. */
  missing: string[]
}

// The URLs of Oracle's documentation for drill-downs. <Name> is an attribute of the
// span. The OCID of the database is written by hand there, since no span has it.
const templates: { name: string; url: string }[] = [
  {
    name: 'Performance Hub',
    url:
      '/dbmgmt-ui/perfhub?ocid=<database OCID>&perfhubContext={"dateTime":{"period":"LAST_24_HOUR"},' +
      '"viewPort":{"startDate":"<StartTimeInMs>","endDate":"<EndTimeInMs>"},"selectedTab":{"name":"activityTab",' +
      '"filters":[{"key":"filter_list","value":"{\\"sqlid\\":{\\"value\\":\\"<DbOracleSqlId>\\",\\"disabled\\":true}}"}]}}',
  },
  {
    name: 'Ops Insights',
    url: '/opsi/sql-warehouse?sqlId=<DbOracleSqlId>&region=<OciRegion>&compartmentId=<OciCompartmentId>',
  },
]

function filled(span: Span): Attributes {
  return {
    ...span.resource,
    ...span.attributes,
    StartTimeInMs: String(Date.parse(span.start_time)),
    EndTimeInMs: String(Date.parse(span.end_time)),
  }
}

/** The drill-downs of a span that has an SQL_ID. */
export function drilldowns(span: Span, sqlID: string): Drilldown[] {
  const values: Attributes = { ...filled(span), DbOracleSqlId: sqlID }
  return templates.map(({ name, url }) => {
    const missing: string[] = []
    return {
      name,
      url: url.replace(/<([^>]+)>/g, (placeholder, attribute: string) => {
        const found = values[attribute]
        if (typeof found === 'string' && found) {
          return found
        }
        missing.push(attribute)
        return placeholder
      }),
      missing,
    }
  })
}
