{{- /* Rejects values that cannot work together, with what to write instead. It renders nothing. */ -}}
{{- define "otelcol-ociapm.validate" -}}
{{- $values := .Values -}}
{{- if gt (int $values.gateway.minReplicas) (int $values.gateway.maxReplicas) -}}
  {{- fail (printf "gateway.minReplicas: %d is more than gateway.maxReplicas, %d" (int $values.gateway.minReplicas) (int $values.gateway.maxReplicas)) -}}
{{- end -}}
{{- range $workload := include "otelcol-ociapm.workloads" . | fromYamlArray -}}
  {{- include "otelcol-ociapm.validateWorkload" (dict "context" $ "workload" $workload) -}}
{{- end -}}
{{- if not (or $values.ports.otlp.enabled (index $values.ports "otlp-http").enabled) -}}
  {{- fail "ports: enable otlp, otlp-http or both; senders need one of them" -}}
{{- end -}}
{{- if and (eq $values.mode "sampling") (not $values.ports.otlp.enabled) -}}
  {{- fail "ports.otlp.enabled: leave it true with mode sampling; samplers receive over gRPC" -}}
{{- end -}}
{{- if and (ne $values.service.type "ClusterIP") (not (include "otelcol-ociapm.external" .)) -}}
  {{- fail (printf "service.type: %s is for gateways, and not with service.enabled=false" $values.service.type) -}}
{{- end -}}
{{- range $key := list "ingress" "httproute" "grpcroute" -}}
  {{- if and (get $values $key).enabled (not (include "otelcol-ociapm.external" $)) -}}
    {{- fail (printf "%s.enabled: it is for gateways, and not with service.enabled=false" $key) -}}
  {{- end -}}
{{- end -}}
{{- range $key := list "httproute" "grpcroute" -}}
  {{- if and (get $values $key).enabled (not (get $values $key).parentRefs) -}}
    {{- fail (printf "%s.parentRefs: name the Gateway, such as {name: my-gateway}" $key) -}}
  {{- end -}}
{{- end -}}
{{- if and $values.gateway.tls.clientCASecretName (not $values.gateway.tls.secretName) -}}
  {{- fail "gateway.tls.clientCASecretName: set gateway.tls.secretName too; a sender shows its certificate over TLS only" -}}
{{- end -}}
{{- if and $values.gateway.cors.enabled (not $values.gateway.cors.allowedOrigins) -}}
  {{- fail "gateway.cors.allowedOrigins: name the pages' origins, such as https://shop.example.com" -}}
{{- end -}}
{{- if and (or $values.agent.gatewayTLS.enabled $values.agent.gatewayToken.secretName) (not $values.agent.gateway) -}}
  {{- fail "agent.gateway: set it to host:port of the gateway that gatewayTLS and gatewayToken are for" -}}
{{- end -}}
{{- if and $values.agent.gatewayToken.secretName (not $values.agent.gatewayTLS.enabled) -}}
  {{- fail "agent.gatewayToken: set agent.gatewayTLS.enabled too; over gRPC a token is sent with TLS only" -}}
{{- end -}}
{{- if and (eq $values.mode "agent") (eq false $values.service.enabled) (not (or $values.ports.otlp.hostPort (index $values.ports "otlp-http").hostPort $values.hostNetwork $values.agent.hostNetwork)) -}}
  {{- fail "service.enabled: apps cannot reach agents that have neither a Service nor a host port: set ports.otlp.hostPort or ports.otlp-http.hostPort" -}}
{{- end -}}
{{- end -}}

{{- /* Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.validateWorkload" -}}
{{- $pod := include "otelcol-ociapm.podValues" . | fromYaml -}}
{{- if not ($pod.resources.limits).memory -}}
  {{- fail (printf "resources.limits.memory of the %s: set it; the collector derives its own limits from it, and would use those of the whole node" .workload.component) -}}
{{- end -}}
{{- if eq .workload.kind "DaemonSet" -}}
  {{- if and $pod.rollout.rollingUpdate.maxSurge (ne "0" (toString $pod.rollout.rollingUpdate.maxSurge)) -}}
    {{- fail "rollout.rollingUpdate.maxSurge: two agents on a node cannot share its queue; set maxUnavailable, such as 10%" -}}
  {{- end -}}
  {{- if eq $pod.rollout.strategy "Recreate" -}}
    {{- fail "rollout.strategy: agents have RollingUpdate or OnDelete" -}}
  {{- end -}}
{{- else if and (eq .workload.kind "Deployment") (eq $pod.rollout.strategy "OnDelete") -}}
  {{- fail (printf "rollout.strategy: the %s has RollingUpdate or Recreate" .workload.component) -}}
{{- end -}}
{{- include "otelcol-ociapm.keepsSelector" . -}}
{{- end -}}

{{- /* Kubernetes cannot change which pods a workload selects. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.keepsSelector" -}}
{{- $wanted := include "otelcol-ociapm.selector" (dict "context" .context "component" .workload.component) | fromYaml -}}
{{- with lookup "apps/v1" .workload.kind (include "otelcol-ociapm.namespace" .context) .workload.name -}}
  {{- if ne (toJson .spec.selector.matchLabels) (toJson $wanted) -}}
    {{- fail (printf "nameOverride: %s %s selects its pods by %s, and Kubernetes cannot change that to %s: keep the value, or set fullnameOverride too, so that a new one replaces it" .kind .metadata.name (toJson .spec.selector.matchLabels) (toJson $wanted)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
