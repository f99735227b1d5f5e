{{- /*
The endpoints of a PodMonitor or ServiceMonitor. The alerts and the dashboard know the
collectors by their job, whatever the names of the release. Argument: the monitor's values.
*/ -}}
{{- define "otelcol-ociapm.endpoints" -}}
{{- $job := dict "targetLabel" "job" "replacement" "otelcol-ociapm" -}}
{{- range .metricsEndpoints }}
{{- $endpoint := merge (dict "relabelings" (concat (list $job) (.relabelings | default list) ($.relabelings | default list))) . }}
{{- with $.metricRelabelings }}{{ $_ := set $endpoint "metricRelabelings" (concat ($endpoint.metricRelabelings | default list) .) }}{{ end }}
{{- list $endpoint | toYaml }}
{{ end }}
{{- end -}}

{{- /* The labels of all pods of a release. */ -}}
{{- define "otelcol-ociapm.release" -}}
app.kubernetes.io/name: {{ include "otelcol-ociapm.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}
