{{- /*
The endpoints of a PodMonitor or ServiceMonitor. The alerts and the dashboard know the
collectors by their job, whatever the names of the release. Argument: metricsEndpoints.
*/ -}}
{{- define "otelcol-ociapm.endpoints" -}}
{{- $job := dict "targetLabel" "job" "replacement" "otelcol-ociapm" -}}
{{- range . }}
{{- list (merge (dict "relabelings" (prepend (.relabelings | default list) $job)) .) | toYaml }}
{{ end }}
{{- end -}}

{{- /* The labels of all pods of a release. */ -}}
{{- define "otelcol-ociapm.release" -}}
app.kubernetes.io/name: {{ include "otelcol-ociapm.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
