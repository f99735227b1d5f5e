{{- /* The data of a workload's ConfigMap. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.configData" -}}
{{- $context := .context -}}
{{- range .workload.files }}
{{ .name }}.yaml: |
  {{- $context.Files.Get (printf "files/%s" .file) | nindent 2 }}
{{- end }}
{{- with include "otelcol-ociapm.chartConfig" . }}
chart.yaml: |
  {{- . | nindent 2 }}
{{- end }}
{{- $mine := deepCopy (.context.Values.config | default dict) }}
{{- if and .workload.samplers $mine.processors }}
  {{- /* Settings for the samplers would not be a complete configuration for the balancers. */ -}}
  {{- $_ := unset $mine.processors "durable_tail_sampling" }}
{{- end }}
mine.yaml: |
  {{- toYaml $mine | nindent 2 }}
{{- end -}}

{{- /* The collector's arguments. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.configArgs" -}}
{{- range .workload.files }}
- --config=/etc/otelcol-ociapm/kubernetes/{{ .name }}.yaml
{{- end }}
{{- if include "otelcol-ociapm.chartConfig" . }}
- --config=/etc/otelcol-ociapm/kubernetes/chart.yaml
{{- end }}
- --config=/etc/otelcol-ociapm/kubernetes/mine.yaml
{{- end -}}

{{- /* A change of these values restarts the pods. A new data key is read without a restart. */ -}}
{{- define "otelcol-ociapm.checksums" -}}
checksum/config: {{ include "otelcol-ociapm.configData" . | sha256sum }}
{{- if not .context.Values.apm.existingSecret }}
checksum/endpoint: {{ printf "%s %s %s %s" .context.Values.apm.endpoint .context.Values.kafka.brokers .context.Values.apm.domainId .context.Values.apm.region | sha256sum }}
{{- end }}
{{- end -}}
