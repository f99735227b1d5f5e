{{- /* Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.ingressRules" -}}
{{- if eq .workload.component "agent" }}
- ports:
    - {port: otlp-grpc, protocol: TCP}
    - {port: otlp-http, protocol: TCP}
    - {port: health, protocol: TCP}
    - {port: metrics, protocol: TCP}
{{- else }}
{{- if .workload.receives }}
- from: # any pod in the cluster
    - namespaceSelector: {}
  ports:
    - {port: otlp-grpc, protocol: TCP}
    - {port: otlp-http, protocol: TCP}
    - {port: metrics, protocol: TCP}
{{- end }}
- ports: # probes, which come from the node
    - {port: health, protocol: TCP}
{{- end }}
{{- end -}}

{{- /* Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.egressRules" -}}
{{- $values := .context.Values -}}
{{- $agent := eq .workload.component "agent" -}}
{{- $asks := and .workload.apm $values.apm.domainId -}}
{{- $identity := and .workload.apm (include "otelcol-ociapm.workloadIdentity" .context) -}}
- ports: # DNS
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- if or $agent .workload.samplers }}
- ports: # the API server, and for agents APM
    - {port: 443, protocol: TCP}
    - {port: 6443, protocol: TCP}
{{- end }}
{{- if .workload.samplers }}
- to: # samplers
    - podSelector: {}
  ports:
    - {port: 4317, protocol: TCP}
{{- end }}
{{- if and .workload.apm (not $agent) }}
- ports: # APM
    - {port: 443, protocol: TCP}
{{- end }}
{{- if or $agent (and $asks (not $identity)) }}
- to: # on OCI, the instance metadata service
    - ipBlock: {cidr: 169.254.169.254/32}
  ports:
    - {port: 80, protocol: TCP}
{{- end }}
{{- if $identity }}
- ports: # the cluster's token exchange, on the hosts of its API server
    - {port: 12250, protocol: TCP}
{{- end }}
{{- if .workload.kafka }}
- ports:
    - {port: 9092, endPort: 9094, protocol: TCP}
{{- end }}
{{- if and $agent $values.agent.gateway }}
- to:
    - namespaceSelector: {}
  ports:
    - {port: 4317, protocol: TCP}
{{- end }}
{{- end -}}
