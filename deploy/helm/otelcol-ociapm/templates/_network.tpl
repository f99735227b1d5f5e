{{- /* Whether a gateway has a Service with an address, besides the headless one. */ -}}
{{- define "otelcol-ociapm.external" -}}
{{- $needed := or (ne .Values.service.type "ClusterIP") .Values.ingress.enabled .Values.httproute.enabled .Values.grpcroute.enabled -}}
{{- if and (ne .Values.mode "agent") (ne .Values.mode "sidecar") (ternary $needed .Values.service.enabled (kindIs "invalid" .Values.service.enabled)) }}true{{ end -}}
{{- end -}}

{{- define "otelcol-ociapm.externalName" -}}
{{ include "otelcol-ociapm.fullname" . }}-gateway-external
{{- end -}}

{{- /*
The ports of a Service for senders. A headless Service, whose clients connect to the pods'
own ports, has the same. Arguments: context; headless, nodePorts.
*/ -}}
{{- define "otelcol-ociapm.servicePorts" -}}
{{- range $key, $name := dict "otlp" "otlp-grpc" "otlp-http" "otlp-http" }}
{{- $port := index $.context.Values.ports $key }}
{{- if $port.enabled }}
- name: {{ $name }}
  port: {{ ternary $port.containerPort $port.servicePort (eq true $.headless) | int }}
  targetPort: {{ $name }}
  {{- with $port.appProtocol }}
  appProtocol: {{ . }}
  {{- end }}
  {{- if and $.nodePorts $port.nodePort }}
  nodePort: {{ int $port.nodePort }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* Arguments: context, workload, pod. */ -}}
{{- define "otelcol-ociapm.containerPorts" -}}
{{- $agent := eq .workload.component "agent" -}}
{{- range $key, $name := dict "otlp" "otlp-grpc" "otlp-http" "otlp-http" }}
{{- $port := index $.context.Values.ports $key }}
{{- if $port.enabled }}
- {name: {{ $name }}, containerPort: {{ int $port.containerPort }}, {{ if and $agent $port.hostPort (not $.pod.hostNetwork) }}hostPort: {{ int $port.hostPort }}, {{ end }}protocol: TCP}
{{- end }}
{{- end }}
- {name: health, containerPort: {{ int .context.Values.ports.health.containerPort }}, protocol: TCP}
- {name: metrics, containerPort: {{ int .context.Values.ports.metrics.containerPort }}, protocol: TCP}
{{- end -}}

{{- /* The port of the node at which agents listen, or nothing. Arguments: context, port (otlp or otlp-http). */ -}}
{{- define "otelcol-ociapm.nodePort" -}}
{{- $port := get .context.Values.ports .port -}}
{{- $pod := include "otelcol-ociapm.podValues" (dict "context" .context "workload" (include "otelcol-ociapm.workloads" .context | fromYamlArray | first)) | fromYaml -}}
{{- with ternary $port.containerPort $port.hostPort ($pod.hostNetwork | default false) }}{{ if $port.enabled }}{{ int . }}{{ end }}{{ end -}}
{{- end -}}

{{- /* Whether helm test has a collector that it can send to. */ -}}
{{- define "otelcol-ociapm.doctor" -}}
{{- $gateway := .Values.gateway -}}
{{- $secured := or $gateway.tls.secretName $gateway.token.secretName (and $gateway.cors.enabled $gateway.cors.secretName) -}}
{{- if (index .Values.ports "otlp-http").enabled -}}
{{- if or (and (eq .Values.mode "agent") (include "otelcol-ociapm.agentService" .)) (and (eq .Values.mode "gateway") (not $secured)) }}true{{ end -}}
{{- end -}}
{{- end -}}

{{- /* Whether agents have a Service. */ -}}
{{- define "otelcol-ociapm.agentService" -}}
{{- if ne false .Values.service.enabled }}true{{ end -}}
{{- end -}}
