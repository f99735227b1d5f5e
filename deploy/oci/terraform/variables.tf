variable "tenancy_ocid" {
  description = "OCID of the tenancy, where dynamic groups are."
  type        = string
}

variable "compartment_ocid" {
  description = "OCID of the compartment that the APM domain is in, or is to be in. Whoever this module lets in reaches every APM domain of it."
  type        = string
}

variable "apm_domain_ocid" {
  description = "OCID of the APM domain. Unset, the module makes one."
  type        = string
  default     = null
}

variable "apm_domain_is_free_tier" {
  description = "Whether an APM domain that the module makes is an Always Free one."
  type        = bool
  default     = false
}

variable "name" {
  description = "Name of what the module makes: dynamic groups, policies, the APM domain. Dynamic groups need one that the tenancy does not have yet."
  type        = string
  default     = "otelcol-ociapm"
}

variable "instance_compartment_ocids" {
  description = "Compartments whose Compute instances run a collector: all instances of them are let in."
  type        = list(string)
  default     = []
}

variable "instance_ocids" {
  description = "Compute instances that run a collector, beside those of instance_compartment_ocids."
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
  description = "Resources that run a collector as themselves: their type as in their OCIDs, such as computecontainerinstance or fnfunc, and their compartment."
  type = list(object({
    type             = string
    compartment_ocid = string
  }))
  default = []
}

variable "only_needed_operations" {
  description = "Whether to allow no operation but the two that the collector calls. The verb alone also allows to make and remove data keys."
  type        = bool
  default     = false
}

variable "vault_secrets" {
  description = "Secrets of Vault that the collector's configuration reads, each with its compartment."
  type = list(object({
    secret_ocid      = string
    compartment_ocid = string
  }))
  default = []
}
