{{- define "otelcol-ociapm.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end -}}

{{- /* The first part of every object's name. */ -}}
{{- define "otelcol-ociapm.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "otelcol-ociapm.namespace" -}}
{{ .Values.namespaceOverride | default .Release.Namespace }}
{{- end -}}

{{- /* Arguments: context, component. */ -}}
{{- define "otelcol-ociapm.selector" -}}
app.kubernetes.io/name: {{ include "otelcol-ociapm.name" .context | quote }}
app.kubernetes.io/instance: {{ .context.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- /* Labels of values take precedence, but never over the selector. Arguments: context, component; labels. */ -}}
{{- define "otelcol-ociapm.labels" -}}
{{- $all := dict "app.kubernetes.io/version" .context.Chart.AppVersion "app.kubernetes.io/managed-by" .context.Release.Service "helm.sh/chart" (printf "%s-%s" .context.Chart.Name .context.Chart.Version) -}}
{{- range list .context.Values.additionalLabels .labels (include "otelcol-ociapm.selector" . | fromYaml) -}}
  {{- include "otelcol-ociapm.override" (dict "base" $all "over" (. | default dict)) -}}
{{- end -}}
{{ toYaml $all }}
{{- end -}}

{{- /* The labels of pods: without versions, which would restart them. Arguments: context, component, pod. */ -}}
{{- define "otelcol-ociapm.podLabels" -}}
{{- $all := dict -}}
{{- range list .pod.podLabels (include "otelcol-ociapm.selector" . | fromYaml) -}}
  {{- include "otelcol-ociapm.override" (dict "base" $all "over" (. | default dict)) -}}
{{- end -}}
{{ toYaml $all }}
{{- end -}}

{{- /* The metadata of an object in the release's namespace. Arguments: context, component, name; labels, annotations. */ -}}
{{- define "otelcol-ociapm.metadata" -}}
name: {{ .name | quote }}
namespace: {{ include "otelcol-ociapm.namespace" .context | quote }}
labels:
  {{- include "otelcol-ociapm.labels" . | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "otelcol-ociapm.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "otelcol-ociapm.secretName" -}}
{{ .Values.apm.existingSecret | default (include "otelcol-ociapm.fullname" .) }}
{{- end -}}

{{- /* Whether pods of this release upload to APM. */ -}}
{{- define "otelcol-ociapm.uploads" -}}
{{- if not (and (eq .Values.mode "agent") .Values.agent.gateway) }}true{{ end -}}
{{- end -}}

{{- /* Whether these pods use the OCI workload identity of their service account. */ -}}
{{- define "otelcol-ociapm.workloadIdentity" -}}
{{- if and .Values.apm.domainId (eq .Values.apm.auth.type "workload_identity") }}true{{ end -}}
{{- end -}}

{{- /* Sets the keys of over in base, map by map. A null removes the key. Arguments: base, over. */ -}}
{{- define "otelcol-ociapm.override" -}}
{{- range $key, $value := .over -}}
  {{- $old := get $.base $key -}}
  {{- if kindIs "invalid" $value -}}
    {{- $_ := unset $.base $key -}}
  {{- else if and (kindIs "map" $value) (kindIs "map" $old) -}}
    {{- include "otelcol-ociapm.override" (dict "base" $old "over" $value) -}}
  {{- else -}}
    {{- $_ := set $.base $key $value -}}
  {{- end -}}
{{- end -}}
{{- end -}}
