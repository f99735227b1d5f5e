variable "tenancy_ocid" {
  description = "OCID of the tenancy, which holds the dynamic groups."
  type        = string
}

variable "compartment_ocid" {
  description = "OCID of the compartment of the APM domain, existing or new. The identities of this module get access to every APM domain in it."
  type        = string
}

variable "apm_domain_ocid" {
  description = "OCID of the APM domain. If it is not set, the module creates one."
  type        = string
  default     = null
}

variable "apm_domain_is_free_tier" {
  description = "Whether an APM domain that the module creates is an Always Free one."
  type        = bool
  default     = false
}

variable "name" {
  description = "Name of everything that the module creates: dynamic groups, policies, the APM domain. The names of dynamic groups must be unique in the tenancy."
  type        = string
  default     = "otelcol-ociapm"
}

variable "instance_compartment_ocids" {
  description = "Compartments whose Compute instances run a collector: all instances in them get access."
  type        = list(string)
  default     = []
}

variable "instance_ocids" {
  description = "Compute instances that run a collector, in addition to those of instance_compartment_ocids."
  type        = list(string)
  default     = []
}

variable "oke_workloads" {
  description = "Service accounts of enhanced OKE clusters whose pods run a collector. The defaults are those of deploy/kubernetes/overlays/agent-oke and of the chart."
  type = list(object({
    cluster_ocid    = string
    namespace       = optional(string, "otelcol-ociapm")
    service_account = optional(string, "otelcol-ociapm-agent")
  }))
  default = []
}

variable "resource_principals" {
  description = "Resources that run a collector with their own identity: their type, as in their OCIDs, such as computecontainerinstance or fnfunc, and their compartment."
  type = list(object({
    type             = string
    compartment_ocid = string
  }))
  default = []
}

variable "only_needed_operations" {
  description = "Whether to allow only the two operations that the collector calls. The verb alone also allows creating and removing data keys."
  type        = bool
  default     = true
}

variable "vault_secrets" {
  description = "Vault secrets that the collector's configuration reads, each with its compartment."
  type = list(object({
    secret_ocid      = string
    compartment_ocid = string
  }))
  default = []
}

variable "set_up_domain" {
  description = "Whether to create the rule \"OpenTelemetry to APM naming conversion\", without which databases are \"External Unknown\", and the service log of dropped data."
  type        = bool
  default     = false
}

variable "databases" {
  description = "OCIDs of databases by name: spans with a SQL_ID get a link to Performance Hub for each."
  type        = map(string)
  default     = {}
}

variable "operations_insights_region" {
  description = "Region of Operations Insights. If it is set, spans with a SQL_ID get a link to it, in compartment_ocid."
  type        = string
  default     = null
}

variable "alarm_topic_ocids" {
  description = "Topics of Notifications that an alarm on SpanIngestions notifies. Without one there is no alarm."
  type        = list(string)
  default     = []
}

variable "alarm_query" {
  description = "Query of the alarm, in Monitoring's query language. The default fires when an hour passes without spans."
  type        = string
  default     = "SpanIngestions[1h].absent()"
}
