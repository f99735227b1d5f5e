output "apm_domain_id" {
  description = "APM_DOMAIN_ID of the collectors."
  value       = local.apm_domain_id
}

output "statements" {
  description = "The policy statements, for review."
  value       = concat(local.apm_statements, flatten(values(local.secret_statements)))
}
