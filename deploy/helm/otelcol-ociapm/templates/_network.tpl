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

{{- /* Whether anyone may send over HTTP to the workload's Service, without TLS. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.plain" -}}
{{- $values := .context.Values -}}
{{- $secured := or $values.gateway.tls.secretName $values.gateway.token.secretName (and $values.gateway.cors.enabled $values.gateway.cors.secretName) -}}
{{- if and (index $values.ports "otlp-http").enabled (ternary (include "otelcol-ociapm.agentService" .context) (not $secured) (eq .workload.component "agent")) }}true{{ end -}}
{{- end -}}

{{- /* Whether agents have a Service. */ -}}
{{- define "otelcol-ociapm.agentService" -}}
{{- if ne false .Values.service.enabled }}true{{ end -}}
{{- end -}}
