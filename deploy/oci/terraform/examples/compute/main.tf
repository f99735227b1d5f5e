# A Compute instance whose collector requests the APM domain's endpoint and key from
# OCI with the identity of the instance. Nobody has to copy them.

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
  description = "Region of the instance and of the APM domain, such as eu-frankfurt-1."
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
  description = "OCID of the compartment for the instance and the APM domain."
  type        = string
}

variable "apm_domain_ocid" {
  description = "OCID of an APM domain in that compartment. If it is not set, one is created."
  type        = string
  default     = null
}

variable "availability_domain" {
  description = "Availability domain of the instance, such as Uocm:PHX-AD-1."
  type        = string
}

variable "subnet_ocid" {
  description = "OCID of the instance's subnet. It needs a route to OCI's services: a service gateway, a NAT gateway or a public address."
  type        = string
}

variable "image_ocid" {
  description = "OCID of an image of Oracle Linux 8 or later, or of Ubuntu 22.04 or later, for the shape."
  type        = string
}

variable "shape" {
  description = "A flexible shape; this one is Arm."
  type        = string
  default     = "VM.Standard.A1.Flex"
}

variable "package_url" {
  description = "URL of otelcol-ociapm's .rpm or .deb for the instance's architecture, such as a pre-authenticated request for a bucket that you have uploaded it to."
  type        = string
}

variable "package_sha256" {
  description = "SHA-256 of that package, from checksums.txt of the release."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package_sha256))
    error_message = "Write the 64 hexadecimal digits that checksums.txt has for the package."
  }
}

variable "package_bundle_url" {
  description = "URL of the package's signature. If it is not set, package_url with .sigstore.json after it."
  type        = string
  default     = null
}

variable "signing_key" {
  description = "Public key of the release, in PEM: docs/verify.md says where it is. For a package that you have built, the key that you have signed it with."
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
  instance_ocids   = [oci_core_instance.app.id]
}

resource "oci_core_instance" "app" {
  availability_domain = var.availability_domain
  compartment_id      = var.compartment_ocid
  display_name        = "app"
  shape               = var.shape

  shape_config {
    ocpus         = 1
    memory_in_gbs = 6
  }

  create_vnic_details {
    subnet_id = var.subnet_ocid
  }

  # Version 1 of the metadata service answers requests that any program can be made to
  # send. The collector uses version 2.
  instance_options {
    are_legacy_imds_endpoints_disabled = true
  }

  source_details {
    source_type = "image"
    source_id   = var.image_ocid
  }

  metadata = {
    # The collector starts before the policy gives the instance access. Until then it
    # retains the data of apps for retry.
    user_data = base64encode(templatefile("${path.module}/install.sh.tftpl", {
      apm_domain_id      = module.apm.apm_domain_id
      package_url        = var.package_url
      package_sha256     = var.package_sha256
      package_bundle_url = coalesce(var.package_bundle_url, "${var.package_url}.sigstore.json")
      signing_key        = trimspace(var.signing_key)
    }))
  }
}

output "apm_domain_id" {
  description = "The APM domain that receives the instance's spans."
  value       = module.apm.apm_domain_id
}
