{{- /* The claims of a StatefulSet. */ -}}
{{- define "otelcol-ociapm.claimTemplates" -}}
{{- if .Values.persistence.enabled }}
- metadata:
    name: queue
    {{- with .Values.persistence.annotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    accessModes:
      {{- toYaml .Values.persistence.accessModes | nindent 6 }}
    {{- with .Values.persistence.storageClass }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources: {requests: {storage: {{ .Values.gateway.queueSize }}}}
{{- end }}
{{- with .Values.statefulset.volumeClaimTemplates }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{- /* The volume of a pod that has no claim template. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.queueVolume" -}}
{{- if eq .workload.kind "DaemonSet" }}
- name: queue
  hostPath: {path: {{ .context.Values.agent.hostPath | quote }}, type: DirectoryOrCreate}
{{- else if and .workload.queue (not .context.Values.persistence.enabled) }}
- name: queue
  emptyDir: {sizeLimit: {{ .context.Values.gateway.queueSize }}}
{{- end }}
{{- end -}}

{{- /*
Uploads the queue before the collector exits. On a volume that outlives the pod it stays if
uploads fail, so that waiting would not help. What is left of the grace period is for the
collector's shutdown. Arguments: context, pod.
*/ -}}
{{- define "otelcol-ociapm.drainHook" -}}
exec:
  command:
    - /apmctl
    - drain
    - --at-least=5s
    - --backlog
    - --timeout={{ max 5 (sub (int .pod.terminationGracePeriodSeconds) 20) }}s
    {{- if .context.Values.persistence.enabled }}
    - --give-up
    {{- end }}
    - --metrics=localhost:{{ int .context.Values.ports.metrics.containerPort }}
{{- end -}}

{{- /* The workload that a claim belonged to, or nothing. Arguments: context, claim. */ -}}
{{- define "otelcol-ociapm.workloadOfClaim" -}}
{{- range include "otelcol-ociapm.workloads" .context | fromYamlArray -}}
  {{- if and (eq .kind "StatefulSet") (regexMatch (printf "^queue-%s-[0-9]+$" .name) $.claim) -}}
    {{- toYaml . -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- /* The pod of a Job that uploads what is left on a claim. Arguments: context, workload, pod, claim. */ -}}
{{- define "otelcol-ociapm.drainTemplate" -}}
metadata:
  labels:
    {{- include "otelcol-ociapm.podLabels" (dict "context" .context "component" "drain" "pod" .pod) | nindent 4 }}
  {{- with .pod.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  restartPolicy: OnFailure
  serviceAccountName: {{ include "otelcol-ociapm.serviceAccountName" . | quote }}
  {{- with include "otelcol-ociapm.automount" . }}
  automountServiceAccountToken: {{ . }}
  {{- end }}
  {{- include "otelcol-ociapm.podFields" . | nindent 2 }}
  terminationGracePeriodSeconds: 60
  initContainers:
    {{- include "otelcol-ociapm.collector" . | nindent 4 }}
      restartPolicy: Always # runs beside apmctl, and exits after it
  containers:
    - name: drain
      image: {{ include "otelcol-ociapm.image" .context }}
      imagePullPolicy: {{ .context.Values.image.pullPolicy }}
      command: [/apmctl, drain]
      args: [--metrics=localhost:{{ int .context.Values.ports.metrics.containerPort }}]
      securityContext:
        {{- toYaml .pod.securityContext | nindent 8 }}
      resources:
        requests: {cpu: 10m, memory: 64Mi}
        limits: {memory: 64Mi}
  volumes:
    {{- include "otelcol-ociapm.volumes" . | nindent 4 }}
    - name: queue
      persistentVolumeClaim: {claimName: {{ .claim }}}
{{- end -}}
