{{- /* The collector's container. Arguments: context, workload, pod. */ -}}
{{- define "otelcol-ociapm.collector" -}}
- name: collector
  image: {{ include "otelcol-ociapm.image" .context }}
  imagePullPolicy: {{ .context.Values.image.pullPolicy }}
  args:
    {{- include "otelcol-ociapm.configArgs" . | trim | nindent 4 }}
    {{- with .pod.command.extraArgs }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  env:
    {{- include "otelcol-ociapm.env" . | trim | nindent 4 }}
  {{- with .pod.extraEnvsFrom }}
  envFrom:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    {{- include "otelcol-ociapm.containerPorts" . | trim | nindent 4 }}
  {{- with include "otelcol-ociapm.lifecycle" . }}
  lifecycle:
    {{- . | nindent 4 }}
  {{- end }}
  {{- range $probe := list "startupProbe" "readinessProbe" "livenessProbe" }}
  {{- with get $.pod $probe }}
  {{ $probe }}:
    {{- $default := ternary dict (dict "httpGet" (dict "path" "/" "port" "health")) (or .exec .tcpSocket .grpc | empty | not) }}
    {{- merge (dict) . $default | toYaml | nindent 4 }}
  {{- end }}
  {{- end }}
  securityContext:
    {{- toYaml .pod.securityContext | nindent 4 }}
  resources:
    {{- toYaml .pod.resources | nindent 4 }}
  {{- with .pod.resizePolicy }}
  resizePolicy:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  volumeMounts:
    {{- include "otelcol-ociapm.volumeMounts" . | nindent 4 }}
{{- end -}}

{{- /* A variable of values replaces the chart's, and one of extraEnv the same one of extraEnvs. */ -}}
{{- define "otelcol-ociapm.env" -}}
{{- $all := include "otelcol-ociapm.chartEnv" . | fromYamlArray -}}
{{- range $variable := concat (.pod.extraEnvs | default list) (.pod.extraEnv | default list) -}}
  {{- $others := list -}}
  {{- range $all }}{{ if ne .name $variable.name }}{{ $others = append $others . }}{{ end }}{{ end -}}
  {{- $all = append $others $variable -}}
{{- end -}}
{{ toYaml $all }}
{{- end -}}

{{- define "otelcol-ociapm.chartEnv" -}}
{{- if and (eq .workload.component "agent") .context.Values.agent.gateway }}
- name: GATEWAY_ENDPOINT
  value: {{ .context.Values.agent.gateway | quote }}
{{- end }}
{{- if eq .workload.component "agent" }}
- name: KUBE_NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: host.name=$(KUBE_NODE_NAME)
{{- end }}
{{- if include "otelcol-ociapm.hasBudget" . }}
- name: SPANS_PER_HOUR
  value: {{ int64 .context.Values.budget.spansPerHour | quote }}
{{- end }}
{{- with .workload.samplers }}
- name: SAMPLER_SERVICE
  value: {{ . }}
{{- end }}
{{- if .workload.kafka }}
- name: KAFKA_BROKERS
  valueFrom: {secretKeyRef: {name: {{ include "otelcol-ociapm.secretName" .context | quote }}, key: kafka_brokers}}
{{- end }}
{{- if .workload.apm }}
{{- include "otelcol-ociapm.endpointEnv" .context | nindent 0 }}
{{- end }}
{{- end -}}

{{- define "otelcol-ociapm.endpointEnv" -}}
{{- $name := include "otelcol-ociapm.fullname" . -}}
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
  valueFrom: {secretKeyRef: {name: {{ include "otelcol-ociapm.secretName" . | quote }}, key: endpoint}}
{{- end -}}
{{- end -}}

{{- /* Before a gateway exits, senders have time to notice that the pod is terminating. */ -}}
{{- define "otelcol-ociapm.lifecycle" -}}
{{- $hooks := .pod.lifecycleHooks | default dict -}}
{{- if and (ne .workload.component "agent") (not (hasKey $hooks "preStop")) -}}
{{- $preStop := dict "sleep" (dict "seconds" 5) -}}
{{- if eq .workload.kind "StatefulSet" }}{{ $preStop = include "otelcol-ociapm.drainHook" . | fromYaml }}{{ end -}}
{{- $hooks = merge (dict "preStop" $preStop) $hooks -}}
{{- end -}}
{{- with $hooks }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- define "otelcol-ociapm.volumeMounts" -}}
- name: config
  mountPath: /etc/otelcol-ociapm/kubernetes
  readOnly: true
{{- if and .workload.apm (not .context.Values.apm.domainId) }}
- name: data-key
  mountPath: /var/run/secrets/otelcol-ociapm
  readOnly: true
{{- end }}
{{- if include "otelcol-ociapm.credentialSources" . | trim }}
- name: credentials
  mountPath: {{ include "otelcol-ociapm.credentials" . }}
  readOnly: true
{{- end }}
{{- if .workload.queue }}
- name: queue
  mountPath: /var/lib/otelcol-ociapm
{{- end }}
{{- with .pod.extraVolumeMounts }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{- define "otelcol-ociapm.volumes" -}}
- name: config
  configMap: {name: {{ .workload.name }}}
{{- if and .workload.apm (not .context.Values.apm.domainId) }}
{{- include "otelcol-ociapm.dataKeyVolume" .context | nindent 0 }}
{{- end }}
{{- with include "otelcol-ociapm.credentialSources" . | trim }}
- name: credentials
  projected:
    defaultMode: 0440
    sources:
      {{- . | nindent 6 }}
{{- end }}
{{- with .pod.extraVolumes }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{- define "otelcol-ociapm.dataKeyVolume" -}}
- name: data-key
  secret:
    secretName: {{ include "otelcol-ociapm.secretName" . | quote }}
    defaultMode: 0440
    items: [{key: data_key, path: data_key}]
{{- end -}}
