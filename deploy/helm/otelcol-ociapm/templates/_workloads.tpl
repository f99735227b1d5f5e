{{- /*
The workloads of a release, by mode: a list. Each has

  name, kind  of its object
  component   its label, and the name of its own values
  files       its configuration files, in the order in which the collector loads them:
              the name in the ConfigMap without .yaml, and the file below files/
  receives    whether senders connect to it
  apm         whether it uploads to APM
  queue       whether accepted data is in a queue on its volume
  kafka       whether it connects to Kafka
  samplers    the Service of the samplers that it distributes spans among
  autoscaled  whether an autoscaler sets the number of its pods
*/ -}}
{{- define "otelcol-ociapm.workloads" -}}
{{- $name := include "otelcol-ociapm.fullname" . -}}
{{- /* A StatefulSet's pods have its name and eleven more characters in a label, which has at most 63. */ -}}
{{- $sampler := printf "%s-gateway-sampler" ($name | trunc 36 | trimSuffix "-") -}}
{{- if eq .Values.mode "agent" }}
- name: {{ $name }}-agent
  kind: DaemonSet
  component: agent
  files:
    - {name: collector, file: agent/collector.yaml}
    - {name: exporter, file: agent/exporter{{ if .Values.agent.gateway }}-forward{{ end }}.yaml}
    {{- if .Values.apm.domainId }}
    - {name: oci, file: oci/oci.yaml}
    - {name: resource, file: oci/resource.yaml}
    {{- end }}
    {{- include "otelcol-ociapm.metricsFiles" . | nindent 4 }}
  receives: true
  apm: {{ not .Values.agent.gateway }}
  queue: true
{{- else if eq .Values.mode "gateway" }}
- name: {{ $name }}-gateway
  kind: {{ ternary "StatefulSet" "Deployment" (eq .Values.gateway.acknowledge "queued") }}
  component: gateway
  files:
    - {name: collector, file: gateway/collector.yaml}
    - {name: exporter, file: gateway/exporter{{ if eq .Values.gateway.acknowledge "queued" }}-queued{{ end }}.yaml}
    {{- include "otelcol-ociapm.domainFile" . | nindent 4 }}
    {{- include "otelcol-ociapm.metricsFiles" . | nindent 4 }}
  receives: true
  apm: true
  queue: {{ eq .Values.gateway.acknowledge "queued" }}
  autoscaled: {{ .Values.autoscaling.enabled }}
{{- else if eq .Values.mode "sampling" }}
- name: {{ $name }}-gateway
  kind: Deployment
  component: gateway
  files:
    - {name: collector, file: gateway/collector.yaml}
    - {name: exporter, file: gateway/exporter-balancer.yaml}
  receives: true
  samplers: {{ $sampler }}
  autoscaled: {{ .Values.autoscaling.enabled }}
- name: {{ $sampler }}
  kind: StatefulSet
  component: sampler
  files:
    - {name: collector, file: gateway/collector.yaml}
    - {name: exporter, file: gateway/exporter-queued.yaml}
    - {name: sampling, file: gateway/sampling.yaml}
    {{- include "otelcol-ociapm.domainFile" . | nindent 4 }}
    {{- include "otelcol-ociapm.metricsFiles" . | nindent 4 }}
  receives: true
  apm: true
  queue: true
{{- else if eq .Values.mode "kafka" }}
- name: {{ $name }}-gateway
  kind: Deployment
  component: gateway
  files:
    - {name: collector, file: gateway/collector.yaml}
    - {name: exporter, file: gateway/exporter-kafka.yaml}
  receives: true
  kafka: true
  autoscaled: {{ .Values.autoscaling.enabled }}
- name: {{ $name }}-gateway-reader
  kind: Deployment
  component: reader
  files:
    - {name: collector, file: gateway/collector.yaml}
    - {name: exporter, file: gateway/receiver-kafka.yaml}
    {{- include "otelcol-ociapm.domainFile" . | nindent 4 }}
    {{- include "otelcol-ociapm.metricsFiles" . | nindent 4 }}
  apm: true
  kafka: true
  autoscaled: {{ .Values.autoscaling.enabled }}
{{- end }}
{{- end -}}

{{- define "otelcol-ociapm.domainFile" -}}
{{- if .Values.apm.domainId }}
- {name: oci, file: oci/oci.yaml}
{{- end }}
{{- end -}}

{{- define "otelcol-ociapm.metricsFiles" -}}
{{- if or .Values.redMetrics.enabled .Values.budget.spansPerHour }}
- {name: red-metrics, file: metrics/red-metrics.yaml}
{{- end }}
{{- if .Values.budget.spansPerHour }}
- {name: budget, file: metrics/budget.yaml}
{{- end }}
{{- end -}}

{{- /*
The values of a workload's pods: the general ones, overridden by those in the section that
has the name of its component. Maps are merged key by key; lists and hooks are replaced.
Arguments: context, workload.
*/ -}}
{{- define "otelcol-ociapm.podValues" -}}
{{- $general := .context.Values -}}
{{- $own := get $general .workload.component | default dict -}}
{{- $all := dict -}}
{{- $keys := list "affinity" "annotations" "command" "dnsConfig" "dnsPolicy" "extraContainers" "extraEnv" "extraEnvs" "extraEnvsFrom" "extraVolumeMounts" "extraVolumes" "hostAliases" "hostNetwork" "hostPID" "initContainers" "lifecycleHooks" "livenessProbe" "nodeSelector" "podAnnotations" "podLabels" "podSecurityContext" "priorityClassName" "readinessProbe" "resizePolicy" "resources" "revisionHistoryLimit" "rollout" "runtimeClassName" "schedulerName" "securityContext" "serviceAccount" "shareProcessNamespace" "startupProbe" "terminationGracePeriodSeconds" "tolerations" "topologySpreadConstraints" -}}
{{- range $key := $keys -}}
  {{- $value := get $general $key -}}
  {{- $mine := get $own $key -}}
  {{- if and (kindIs "map" $value) (kindIs "map" $mine) (ne $key "lifecycleHooks") -}}
    {{- $value = deepCopy $value -}}
    {{- include "otelcol-ociapm.override" (dict "base" $value "over" $mine) -}}
  {{- else if and (hasKey $own $key) (not (kindIs "invalid" $mine)) -}}
    {{- $value = $mine -}}
  {{- end -}}
  {{- $_ := set $all $key $value -}}
{{- end -}}
{{- if and (eq .workload.component "agent") (not (hasKey $own "tolerations")) (not $general.tolerations) -}}
  {{- /* Apps run on tainted nodes too. */ -}}
  {{- $_ := set $all "tolerations" (list (dict "operator" "Exists")) -}}
{{- end -}}
{{- $stateful := eq .workload.kind "StatefulSet" -}}
{{- if has (kindOf $all.terminationGracePeriodSeconds) (list "invalid" "string") -}}
  {{- $_ := set $all "terminationGracePeriodSeconds" (ternary 300 60 $stateful) -}}
{{- end -}}
{{- $disk := ternary $general.gateway.queueSize "" (and $stateful (not $general.persistence.enabled)) -}}
{{- $size := dict "disk" $disk "memoryMiB" ($own.memoryMiB | default $general.gateway.memoryMiB) "cpu" ($own.cpu | default $general.gateway.cpu) -}}
{{- $_ := set $all "resources" (include "otelcol-ociapm.resources" (merge $size (dict "resources" ($all.resources | default dict))) | fromYaml) -}}
{{ toYaml $all }}
{{- end -}}

{{- /*
The collector has its limits from the container's memory limit, which is also what it
requests. Arguments: memoryMiB, cpu, disk (of the node, for the queue, or ""), resources.
*/ -}}
{{- define "otelcol-ociapm.resources" -}}
{{- $memory := printf "%dMi" (int .memoryMiB) -}}
{{- with ((.resources).limits).memory }}{{ $memory = . }}{{ end -}}
{{- $all := dict "requests" (dict "cpu" .cpu "memory" $memory) "limits" (dict "memory" $memory) -}}
{{- with .disk }}{{ $_ := set $all.requests "ephemeral-storage" . }}{{ end -}}
{{- include "otelcol-ociapm.override" (dict "base" $all "over" (.resources | default dict)) -}}
{{ toYaml $all }}
{{- end -}}

{{- /* The number of pods, or nothing if an autoscaler sets it. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.replicas" -}}
{{- if eq .workload.component "sampler" -}}
replicas: {{ int .context.Values.sampler.replicas }}
{{- else if not .workload.autoscaled -}}
replicas: {{ int .context.Values.replicaCount }}
{{- end -}}
{{- end -}}
