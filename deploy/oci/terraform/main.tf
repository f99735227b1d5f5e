# Defines who may request an APM domain's upload endpoint and data keys.
# README.md in the parent folder has the same rules and statements as text; a
# test compares them. OCI accepts changes of dynamic groups and policies in the
# tenancy's home region only.

locals {
  apm_domain_id = var.apm_domain_ocid != null ? var.apm_domain_ocid : oci_apm_apm_domain.this[0].id

  instance_conditions = concat(
    [for ocid in var.instance_compartment_ocids : "instance.compartment.id = '${ocid}'"],
    [for ocid in var.instance_ocids : "instance.id = '${ocid}'"],
  )
  resource_principals = { for i, r in var.resource_principals : "${r.type}-${i}" => r }

  # The identities that get access: the subject of a statement, and its
  # conditions.
  principals = concat(
    [for group in oci_identity_dynamic_group.instances : { subject = "dynamic-group ${group.name}", conditions = [] }],
    [for group in oci_identity_dynamic_group.resources : { subject = "dynamic-group ${group.name}", conditions = [] }],
    [for w in var.oke_workloads : {
      subject = "any-user"
      conditions = [
        "request.principal.type = 'workload'",
        "request.principal.namespace = '${w.namespace}'",
        "request.principal.service_account = '${w.service_account}'",
        "request.principal.cluster_id = '${w.cluster_ocid}'",
      ]
    }],
  )

  needed_operations = var.only_needed_operations ? ["any {request.operation = 'GetApmDomain', request.operation = 'ListDataKeys'}"] : []

  # For each statement: the permission with its compartment, and the conditions.
  apm_grants = [for p in local.principals : {
    allow      = "Allow ${p.subject} to use apm-domains in ${var.compartment_ocid == var.tenancy_ocid ? "tenancy" : "compartment id ${var.compartment_ocid}"}"
    conditions = concat(p.conditions, local.needed_operations)
  }]
  secret_grants = flatten([for s in var.vault_secrets : [for p in local.principals : {
    allow       = "Allow ${p.subject} to read secret-bundles in ${s.compartment_ocid == var.tenancy_ocid ? "tenancy" : "compartment id ${s.compartment_ocid}"}"
    conditions  = concat(p.conditions, ["target.secret.id = '${s.secret_ocid}'"])
    compartment = s.compartment_ocid
  }]])

  secret_compartments = distinct([for s in var.vault_secrets : s.compartment_ocid])

  apm_statements = [for g in local.apm_grants :
    length(g.conditions) == 0 ? g.allow : length(g.conditions) == 1 ? "${g.allow} where ${g.conditions[0]}" : "${g.allow} where all {${join(", ", g.conditions)}}"
  ]
  secret_statements = { for g in local.secret_grants :
    g.compartment => length(g.conditions) == 1 ? "${g.allow} where ${g.conditions[0]}" : "${g.allow} where all {${join(", ", g.conditions)}}"...
  }
}

resource "oci_apm_apm_domain" "this" {
  count = var.apm_domain_ocid == null ? 1 : 0

  compartment_id = var.compartment_ocid
  display_name   = var.name
  description    = "Receives the uploads of otelcol-ociapm."
  is_free_tier   = var.apm_domain_is_free_tier
}

resource "oci_identity_dynamic_group" "instances" {
  count = length(local.instance_conditions) > 0 ? 1 : 0

  provider       = oci.home
  compartment_id = var.tenancy_ocid
  name           = "${var.name}-instances"
  description    = "Compute instances that run otelcol-ociapm."
  matching_rule  = "ANY {${join(", ", local.instance_conditions)}}"
}

resource "oci_identity_dynamic_group" "resources" {
  for_each = local.resource_principals

  provider       = oci.home
  compartment_id = var.tenancy_ocid
  name           = "${var.name}-${each.key}"
  description    = "Resources that run otelcol-ociapm: ${each.value.type}."
  matching_rule  = "ALL {resource.type = '${each.value.type}', resource.compartment.id = '${each.value.compartment_ocid}'}"
}

resource "oci_identity_policy" "apm" {
  count = length(local.apm_statements) > 0 ? 1 : 0

  provider       = oci.home
  compartment_id = var.compartment_ocid
  name           = "${var.name}-apm"
  description    = "Lets otelcol-ociapm ask for the APM domain's upload endpoint and data keys."
  statements     = local.apm_statements
}

resource "oci_identity_policy" "secrets" {
  count = length(local.principals) > 0 ? length(local.secret_compartments) : 0

  provider       = oci.home
  compartment_id = local.secret_compartments[count.index]
  name           = "${var.name}-secrets-${count.index}" # unique in the tenancy
  description    = "Lets otelcol-ociapm read the secrets that its configuration references."
  statements     = local.secret_statements[local.secret_compartments[count.index]]
}
