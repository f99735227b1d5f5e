{{- define "otelcol-ociapm.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "otelcol-ociapm.secretName" -}}
{{ .Values.apm.existingSecret | default (include "otelcol-ociapm.name" .) }}
{{- end -}}

{{- /* Whether pods of this release upload to APM. */ -}}
{{- define "otelcol-ociapm.uploads" -}}
{{- if not (and (eq .Values.mode "agent") .Values.agent.gateway) }}true{{ end -}}
{{- end -}}

{{- /* Whether these pods use the OCI workload identity of their service account. */ -}}
{{- define "otelcol-ociapm.workloadIdentity" -}}
{{- if and .Values.apm.domainId (eq .Values.apm.auth.type "workload_identity") }}true{{ end -}}
{{- end -}}

{{- define "otelcol-ociapm.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- /* Arguments: context, component. */ -}}
{{- define "otelcol-ociapm.selector" -}}
app.kubernetes.io/name: {{ .context.Chart.Name }}
app.kubernetes.io/instance: {{ .context.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "otelcol-ociapm.labels" -}}
{{ include "otelcol-ociapm.selector" . }}
app.kubernetes.io/version: {{ .context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .context.Release.Service }}
helm.sh/chart: {{ .context.Chart.Name }}-{{ .context.Chart.Version }}
{{- end -}}

{{- /*
The Deployments of a gateway, by mode. Each has a name, a component, its
configuration files in order, and the needs of its pods.
*/ -}}
{{- define "otelcol-ociapm.gateways" -}}
{{- $name := printf "%s-gateway" (include "otelcol-ociapm.name" .) -}}
{{- if eq .Values.mode "gateway" }}
- name: {{ $name }}
  component: gateway
  files: {collector.yaml: gateway/collector.yaml, exporter.yaml: gateway/exporter{{ if eq .Values.gateway.acknowledge "queued" }}-queued{{ end }}.yaml}
  args: [collector, exporter]
  apm: true
  queue: {{ eq .Values.gateway.acknowledge "queued" }}
  receives: true
{{- else if eq .Values.mode "sampling" }}
- name: {{ $name }}
  component: gateway
  files: {collector.yaml: gateway/collector.yaml, exporter.yaml: gateway/exporter-balancer.yaml}
  args: [collector, exporter]
  samplers: {{ $name }}-sampler
  receives: true
- name: {{ $name }}-sampler
  component: sampler
  files: {collector.yaml: gateway/collector.yaml, exporter.yaml: gateway/exporter-queued.yaml, sampling.yaml: gateway/sampling.yaml}
  args: [collector, exporter, sampling]
  apm: true
  queue: true
  receives: true
  fixed: true
{{- else if eq .Values.mode "kafka" }}
- name: {{ $name }}
  component: gateway
  files: {collector.yaml: gateway/collector.yaml, exporter.yaml: gateway/exporter-kafka.yaml}
  args: [collector, exporter]
  kafka: true
  receives: true
- name: {{ $name }}-reader
  component: reader
  files: {collector.yaml: gateway/collector.yaml, exporter.yaml: gateway/receiver-kafka.yaml}
  args: [collector, exporter]
  apm: true
  kafka: true
{{- end }}
{{- end -}}

{{- /* Arguments: context, files; samplers in front of samplers. */ -}}
{{- define "otelcol-ociapm.configData" -}}
{{- $context := .context -}}
{{- range $name, $file := .files }}
{{ $name }}: |
  {{- $context.Files.Get (printf "files/%s" $file) | nindent 2 }}
{{- end }}
{{- $mine := deepCopy .context.Values.config }}
{{- if and .samplers $mine.processors }}
  {{- /* Settings for the samplers would not be a complete configuration for the balancers. */ -}}
  {{- $_ := unset $mine.processors "durable_tail_sampling" }}
{{- end }}
mine.yaml: |
  {{- toYaml $mine | nindent 2 }}
{{- end -}}

{{- /* A change of these values restarts the pods. A new data key is read without a restart. */ -}}
{{- define "otelcol-ociapm.checksums" -}}
checksum/config: {{ include "otelcol-ociapm.configData" . | sha256sum }}
{{- if not .context.Values.apm.existingSecret }}
checksum/endpoint: {{ printf "%s %s %s %s" .context.Values.apm.endpoint .context.Values.kafka.brokers .context.Values.apm.domainId .context.Values.apm.region | sha256sum }}
{{- end }}
{{- end -}}

{{- define "otelcol-ociapm.probes" -}}
startupProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 5
livenessProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
{{- end -}}

{{- /* Arguments: memoryMiB, cpu. */ -}}
{{- define "otelcol-ociapm.resources" -}}
resources:
  requests: {cpu: {{ .cpu | quote }}, memory: {{ .memoryMiB }}Mi}
  limits: {memory: {{ .memoryMiB }}Mi}
{{- end -}}

{{- define "otelcol-ociapm.endpointEnv" -}}
{{- $name := include "otelcol-ociapm.name" . -}}
{{- if .Values.apm.domainId -}}
- name: APM_DOMAIN_ID
  valueFrom: {configMapKeyRef: {name: {{ $name }}, key: apm_domain_id}}
{{- if include "otelcol-ociapm.workloadIdentity" . }}
- name: OCI_RESOURCE_PRINCIPAL_VERSION # version of the token exchange
  value: "2.2"
- name: OCI_RESOURCE_PRINCIPAL_REGION
  valueFrom: {configMapKeyRef: {name: {{ $name }}, key: region}}
{{- else }}
- name: OCI_AUTH_TYPE
  value: {{ .Values.apm.auth.type }}
{{- end }}
{{- else -}}
- name: APM_ENDPOINT
  valueFrom: {secretKeyRef: {name: {{ include "otelcol-ociapm.secretName" . }}, key: endpoint}}
{{- end -}}
{{- end -}}

{{- define "otelcol-ociapm.dataKeyVolume" -}}
- name: data-key
  secret:
    secretName: {{ include "otelcol-ociapm.secretName" . }}
    defaultMode: 0440
    items: [{key: data_key, path: data_key}]
{{- end -}}
