# Switches on in the APM domain what the collector relies on. It is the same as
# `apmctl setup`, except for attributes and data keys, for which Oracle's
# provider has no resource; a test compares both.

locals {
  has_sql_id = "DbOracleSqlId is not omitted"

  drilldowns = merge(
    { for name, ocid in var.databases : "Performance Hub: ${name}" => {
      url        = "/dbmgmt-ui/perfhub?ocid=${ocid}&perfhubContext={\"dateTime\":{\"period\":\"LAST_24_HOUR\"},\"viewPort\":{\"startDate\":\"<StartTimeInMs>\",\"endDate\":\"<EndTimeInMs>\"},\"selectedTab\":{\"name\":\"activityTab\",\"filters\":[{\"key\":\"filter_list\",\"value\":\"{\\\"sqlid\\\":{\\\"value\\\":\\\"<DbOracleSqlId>\\\",\\\"disabled\\\":true}}\"}]}}"
      dimensions = ["StartTimeInMs", "EndTimeInMs", "DbOracleSqlId"]
    } },
    { for region in compact([var.operations_insights_region]) : "Operations Insights: SQL" => {
      url        = "/opsi/sql-warehouse?sqlId=<DbOracleSqlId>&region=${region}&compartmentId=${var.compartment_ocid}"
      dimensions = ["DbOracleSqlId"]
    } },
  )
}

# A domain has the rule once. If `apmctl setup` or the console has created it,
# import it, or leave set_up_domain out.
resource "oci_apm_config_config" "naming_rule" {
  count = var.set_up_domain ? 1 : 0

  apm_domain_id = local.apm_domain_id
  config_type   = "OPTIONS"
  group         = "data-manipulation.spans"
  display_name  = "0. OpenTelemetry to APM naming conversion"
  description   = "APM reads the attributes of OpenTelemetry."
  options = jsonencode({
    type       = "data-manipulation.group"
    disabled   = false
    filterText = "traceId is not omitted"
    rules = [{
      displayName  = "OpenTelemetry to APM naming conversion"
      disabled     = false
      systemRuleId = 500
    }]
  })
}

resource "oci_apm_config_config" "drilldown" {
  for_each = local.drilldowns

  apm_domain_id = local.apm_domain_id
  config_type   = "OPTIONS"
  group         = "APM_DRILLDOWN"
  display_name  = each.key
  description   = "From a SQL statement in a span."
  options = jsonencode({
    enabled            = true
    drilldownName      = each.key
    drilldownURL       = each.value.url
    dimensions         = each.value.dimensions
    drilldownCondition = local.has_sql_id
  })
}

resource "oci_logging_log_group" "this" {
  count = var.set_up_domain ? 1 : 0

  compartment_id = var.compartment_ocid
  display_name   = var.name
  description    = "Logs of APM domains."
}

resource "oci_logging_log" "dropped_data" {
  count = var.set_up_domain ? 1 : 0

  display_name       = "${var.name} dropped data"
  log_group_id       = oci_logging_log_group.this[0].id
  log_type           = "SERVICE"
  is_enabled         = true
  retention_duration = 30

  configuration {
    compartment_id = var.compartment_ocid

    source {
      source_type = "OCISERVICE"
      service     = "apm"
      resource    = local.apm_domain_id
      category    = "dropped-data"
    }
  }
}

resource "oci_monitoring_alarm" "ingestion" {
  count = length(var.alarm_topic_ocids) > 0 ? 1 : 0

  compartment_id        = var.compartment_ocid
  metric_compartment_id = var.compartment_ocid
  display_name          = "APM span ingestion"
  namespace             = "oci_apm"
  query                 = var.alarm_query
  severity              = "WARNING"
  destinations          = var.alarm_topic_ocids
  is_enabled            = true
  body                  = "SpanIngestions counts the spans that the APM domains of this compartment ingest."
}
