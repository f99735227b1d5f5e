{{- /* A workload's pod template. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.podTemplate" -}}
{{- $pod := include "otelcol-ociapm.podValues" . | fromYaml -}}
{{- $arguments := merge (dict "pod" $pod) . -}}
metadata:
  labels:
    {{- include "otelcol-ociapm.podLabels" (dict "context" .context "component" .workload.component "pod" $pod) | nindent 4 }}
  annotations:
    {{- merge (include "otelcol-ociapm.checksums" . | fromYaml) ($pod.podAnnotations | default dict) | toYaml | nindent 4 }}
spec:
  serviceAccountName: {{ include "otelcol-ociapm.serviceAccountName" . | quote }}
  {{- with include "otelcol-ociapm.automount" . }}
  automountServiceAccountToken: {{ . }}
  {{- end }}
  {{- include "otelcol-ociapm.podFields" $arguments | nindent 2 }}
  terminationGracePeriodSeconds: {{ $pod.terminationGracePeriodSeconds | int64 }}
  {{- with include "otelcol-ociapm.topologySpread" $arguments }}
  topologySpreadConstraints:
    {{- . | nindent 4 }}
  {{- end }}
  {{- if or (eq .workload.kind "DaemonSet") $pod.initContainers }}
  initContainers:
    {{- if eq .workload.kind "DaemonSet" }}
    {{- include "otelcol-ociapm.queueDirectory" .context | nindent 4 }}
    {{- end }}
    {{- with $pod.initContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  containers:
    {{- include "otelcol-ociapm.collector" $arguments | nindent 4 }}
    {{- with $pod.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "otelcol-ociapm.volumes" $arguments | nindent 4 }}
    {{- with include "otelcol-ociapm.queueVolume" . | trim }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- /* Fields that every pod of a workload has, also its jobs. Arguments: context, pod (its values). */ -}}
{{- define "otelcol-ociapm.podFields" -}}
{{- with .context.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $key := list "priorityClassName" "runtimeClassName" "schedulerName" "hostNetwork" "hostPID" "shareProcessNamespace" "nodeSelector" "tolerations" "affinity" "dnsConfig" "hostAliases" }}
{{- with get $.pod $key }}
{{ dict $key . | toYaml }}
{{- end }}
{{- end }}
{{- with .pod.dnsPolicy | default (ternary "ClusterFirstWithHostNet" "" (.pod.hostNetwork | default false)) }}
dnsPolicy: {{ . }}
{{- end }}
securityContext:
  {{- toYaml .pod.podSecurityContext | nindent 2 }}
{{- end -}}

{{- /* By default, gateways are spread over nodes. Arguments: context, workload, pod. */ -}}
{{- define "otelcol-ociapm.topologySpread" -}}
{{- $constraints := .pod.topologySpreadConstraints | default list -}}
{{- if and (not $constraints) (ne .workload.kind "DaemonSet") -}}
{{- $constraints = list (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway") -}}
{{- end -}}
{{- $selector := dict "matchLabels" (include "otelcol-ociapm.selector" (dict "context" .context "component" .workload.component) | fromYaml) -}}
{{- range $constraints }}
{{- list (hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" $selector) .)) | toYaml }}
{{ end }}
{{- end -}}

{{- /* Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.serviceAccountName" -}}
{{- $account := (include "otelcol-ociapm.podValues" . | fromYaml).serviceAccount -}}
{{ $account.name | default (ternary .workload.name "default" $account.create) }}
{{- end -}}

{{- /*
Whether the pods get their account's token: to find the pods that send, to find samplers,
or to identify themselves to OCI. Nothing means that the account decides. Arguments:
context, workload.
*/ -}}
{{- define "otelcol-ociapm.automount" -}}
{{- if and .workload.apm (include "otelcol-ociapm.workloadIdentity" .context) -}}
true
{{- else if not (or .workload.samplers (eq .workload.component "agent")) -}}
false
{{- end -}}
{{- end -}}

{{- /*
The kubelet creates the folder with owner root, and fsGroup does not apply to it. This
container gives it to the collector's user, and exits.
*/ -}}
{{- define "otelcol-ociapm.queueDirectory" -}}
- name: queue-directory
  image: {{ include "otelcol-ociapm.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [/queuedir]
  args: [--owner=10001:10001, /var/lib/otelcol-ociapm/queue]
  securityContext:
    runAsUser: 0
    runAsGroup: 0
    runAsNonRoot: false
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: {drop: [ALL], add: [CHOWN]}
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {memory: 64Mi}
  volumeMounts:
    - name: queue
      mountPath: /var/lib/otelcol-ociapm
{{- end -}}
