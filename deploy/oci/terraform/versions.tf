terraform {
  required_version = ">= 1.5"

  required_providers {
    oci = {
      source                = "oracle/oci"
      version               = ">= 5.0"
      configuration_aliases = [oci.home]
    }
  }
}
