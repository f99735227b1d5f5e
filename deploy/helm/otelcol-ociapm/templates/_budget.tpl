{{- /*
The pipelines of red-metrics.yaml and budget.yaml in this workload: agents with a gateway send
the metrics to it, and samplers count before they drop traces, and fold what they keep. YAML, or
nothing. Arguments: context, workload.
*/ -}}
{{- define "otelcol-ociapm.metricsPipelines" -}}
{{- $values := .context.Values -}}
{{- if or $values.redMetrics.enabled $values.budget.spansPerHour -}}
{{- if and (eq .workload.component "agent") $values.agent.gateway -}}
traces/keep: {exporters: [otlp_grpc]}
metrics/red: {exporters: [otlp_grpc]}
{{- else if eq .workload.component "sampler" -}}
traces: {processors: [memory_limiter, db_span_enricher, peer_service]}
traces/keep: {processors: [durable_tail_sampling{{ if $values.budget.spansPerHour }}, filter/asgi, span_folding{{ end }}]}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Whether this workload keeps to the budget. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.hasBudget" -}}
{{- if and .context.Values.budget.spansPerHour (has .workload.component (list "agent" "sampler")) }}true{{ end -}}
{{- end -}}

{{- /* A name that has an address for each pod of the workload. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.instancesName" -}}
{{ .workload.name }}{{ if eq .workload.component "agent" }}-all{{ end }}
{{- end -}}

{{- /*
What budget.yaml, which is made for one agent, needs in this workload. Samplers see whole
traces: they wait longer, and treat all operations alike. YAML, or nothing. Arguments: context,
workload.
*/ -}}
{{- define "otelcol-ociapm.budget" -}}
{{- if include "otelcol-ociapm.hasBudget" . -}}
extensions:
  span_budget:
    instances: dns:{{ include "otelcol-ociapm.instancesName" . }}.{{ include "otelcol-ociapm.namespace" .context }}.svc
    {{- if eq .workload.component "sampler" }}
    fairness: operation
    {{- end }}
{{- if eq .workload.component "sampler" }}
{{- $sampling := (.context.Files.Get "files/gateway/sampling.yaml" | fromYaml).processors.durable_tail_sampling }}
processors:
  span_folding: {budget: span_budget}
  durable_tail_sampling:
    {{- pick $sampling "decision_wait" "num_traces" "decision_cache" | toYaml | nindent 4 }}
{{- end }}
{{- end -}}
{{- end -}}
