# Agents on the nodes of an enhanced OKE cluster, which request the APM domain's
# endpoint and key from OCI with their workload identity. The cluster needs no Secret.

terraform {
  required_version = ">= 1.5"

  required_providers {
    oci = {
      source  = "oracle/oci"
      version = ">= 5.0"
    }
  }
}

variable "region" {
  description = "Region of the cluster and of the APM domain, such as eu-frankfurt-1."
  type        = string
}

variable "home_region" {
  description = "The tenancy's home region, where policies are written."
  type        = string
}

variable "tenancy_ocid" {
  description = "OCID of the tenancy."
  type        = string
}

variable "compartment_ocid" {
  description = "OCID of the compartment of the APM domain, existing or new."
  type        = string
}

variable "apm_domain_ocid" {
  description = "OCID of an APM domain in that compartment. If it is not set, one is created."
  type        = string
  default     = null
}

variable "cluster_ocid" {
  description = "OCID of an enhanced cluster: basic ones have no workload identity."
  type        = string
}

provider "oci" {
  region = var.region
}

provider "oci" {
  alias  = "home"
  region = var.home_region
}

module "apm" {
  source    = "../.."
  providers = { oci = oci, oci.home = oci.home }

  tenancy_ocid     = var.tenancy_ocid
  compartment_ocid = var.compartment_ocid
  apm_domain_ocid  = var.apm_domain_ocid
  oke_workloads    = [{ cluster_ocid = var.cluster_ocid }]
}

output "install" {
  description = "Commands to run in a clone of the repository, with kubectl's context set to the cluster."
  value       = <<-EOT
    kubectl create namespace otelcol-ociapm
    kubectl label namespace otelcol-ociapm pod-security.kubernetes.io/enforce=privileged
    helm upgrade --install otelcol-ociapm deploy/helm/otelcol-ociapm -n otelcol-ociapm \
      --set apm.domainId=${module.apm.apm_domain_id} --set apm.region=${var.region} --wait
  EOT
}
