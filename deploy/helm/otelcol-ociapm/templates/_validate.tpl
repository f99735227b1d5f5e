{{- /* Rejects values that cannot work together, with what to write instead. It renders nothing. */ -}}
{{- define "otelcol-ociapm.validate" -}}
{{- $values := .Values -}}
{{- $fewest := $values.gateway.minReplicas | default $values.autoscaling.minReplicas | int -}}
{{- $most := $values.gateway.maxReplicas | default $values.autoscaling.maxReplicas | int -}}
{{- if gt $fewest $most -}}
  {{- fail (printf "autoscaling.minReplicas: %d is more than autoscaling.maxReplicas, %d" $fewest $most) -}}
{{- end -}}
{{- range $claim := $values.gateway.drain.claims -}}
  {{- if not (include "otelcol-ociapm.workloadOfClaim" (dict "context" $ "claim" $claim)) -}}
    {{- fail (printf "gateway.drain.claims: %s belongs to no StatefulSet of this release; `kubectl get pvc -n %s -l app.kubernetes.io/instance=%s` lists the claims" $claim (include "otelcol-ociapm.namespace" $) $.Release.Name) -}}
  {{- end -}}
{{- end -}}
{{- range $workload := include "otelcol-ociapm.workloads" . | fromYamlArray -}}
  {{- include "otelcol-ociapm.validateWorkload" (dict "context" $ "workload" $workload) -}}
{{- end -}}
{{- include "otelcol-ociapm.validatePorts" $values -}}
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
{{- if and $values.ingress.enabled (not $values.ingress.hosts) (not $values.ingress.additionalIngresses) -}}
  {{- fail "ingress.hosts: name the host, such as {host: otlp.example.com}" -}}
{{- end -}}
{{- range $key, $port := dict "httproute" "otlp-http" "grpcroute" "otlp" -}}
  {{- if and (get $values $key).enabled (not (get $values $key).parentRefs) -}}
    {{- fail (printf "%s.parentRefs: name the Gateway, such as {name: my-gateway}" $key) -}}
  {{- end -}}
  {{- if and (get $values $key).enabled (not (get $values.ports $port).enabled) -}}
    {{- fail (printf "%s.enabled: it forwards to ports.%s, which is not enabled" $key $port) -}}
  {{- end -}}
{{- end -}}
{{- if and (ne $values.mode "sidecar") $values.podDisruptionBudget.enabled (kindIs "invalid" $values.podDisruptionBudget.maxUnavailable) (kindIs "invalid" $values.podDisruptionBudget.minAvailable) -}}
  {{- fail "podDisruptionBudget: set maxUnavailable or minAvailable, or enabled to false" -}}
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
{{- if and $values.budget.spansPerHour (not (has $values.mode (list "agent" "sampling"))) -}}
  {{- fail (printf "budget.spansPerHour: mode %s does not see whole traces; use mode sampling, or agents that upload" $values.mode) -}}
{{- end -}}
{{- if and $values.budget.spansPerHour (eq $values.mode "agent") $values.agent.gateway -}}
  {{- fail "budget.spansPerHour: agents with a gateway do not upload; set it in the gateway's release, with mode sampling" -}}
{{- end -}}
{{- if and $values.redMetrics.enabled (eq $values.mode "sidecar") -}}
  {{- fail "redMetrics.enabled: sidecars send to a gateway; set it in the gateway's release" -}}
{{- end -}}
{{- if and $values.agent.gatewayToken.secretName (not $values.agent.gatewayTLS.enabled) -}}
  {{- fail "agent.gatewayToken: set agent.gatewayTLS.enabled too; over gRPC a token is sent with TLS only" -}}
{{- end -}}
{{- end -}}

{{- /* Argument: the values. */ -}}
{{- define "otelcol-ociapm.validatePorts" -}}
{{- $otlp := list -}}
{{- range $key := list "otlp" "otlp-http" -}}
  {{- if (get $.ports $key).enabled }}{{ $otlp = append $otlp (get $.ports $key) }}{{ end -}}
{{- end -}}
{{- if not $otlp -}}
  {{- fail "ports: enable otlp, otlp-http or both; senders need one of them" -}}
{{- end -}}
{{- range $key := list "containerPort" "servicePort" "hostPort" "nodePort" -}}
  {{- $numbers := list -}}
  {{- range ternary (concat $otlp (list $.ports.metrics $.ports.health)) $otlp (eq $key "containerPort") -}}
    {{- with get . $key -}}
      {{- if has (int .) $numbers -}}
        {{- fail (printf "ports: two of them have %s %d; give each its own" $key (int .)) -}}
      {{- end -}}
      {{- $numbers = append $numbers (int .) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- /* Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.validateWorkload" -}}
{{- $pod := include "otelcol-ociapm.podValues" . | fromYaml -}}
{{- if not ($pod.resources.limits).memory -}}
  {{- fail (printf "resources.limits.memory of the %s: set it; the collector derives its own limits from it, and would use those of the whole node" .workload.component) -}}
{{- end -}}
{{- if eq .workload.kind "DaemonSet" -}}
  {{- if not (or (include "otelcol-ociapm.agentService" .context) (include "otelcol-ociapm.nodePort" (dict "context" .context "port" "otlp")) (include "otelcol-ociapm.nodePort" (dict "context" .context "port" "otlp-http"))) -}}
    {{- fail "service.enabled: apps cannot reach agents that have neither a Service nor a host port: set ports.otlp.hostPort or ports.otlp-http.hostPort" -}}
  {{- end -}}
  {{- if and $pod.rollout.rollingUpdate.maxSurge (ne "0" (toString $pod.rollout.rollingUpdate.maxSurge)) -}}
    {{- fail "rollout.rollingUpdate.maxSurge: two agents on a node cannot share its queue; set maxUnavailable, such as 10%" -}}
  {{- end -}}
  {{- if eq $pod.rollout.strategy "Recreate" -}}
    {{- fail "rollout.strategy: agents have RollingUpdate or OnDelete" -}}
  {{- end -}}
{{- else if and (eq .workload.kind "Deployment") (eq $pod.rollout.strategy "OnDelete") -}}
  {{- fail (printf "rollout.strategy: the %s has RollingUpdate or Recreate" .workload.component) -}}
{{- else if and (eq .workload.kind "StatefulSet") (eq $pod.rollout.strategy "Recreate") -}}
  {{- fail (printf "rollout.strategy: the %s has RollingUpdate or OnDelete" .workload.component) -}}
{{- end -}}
{{- if eq .workload.kind "StatefulSet" -}}
  {{- include "otelcol-ociapm.keepsQueue" . -}}
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

{{- /*
A StatefulSet replaces the Deployment of former versions, whose queue goes with its pods;
and Kubernetes cannot change the claims of a StatefulSet. Arguments: context, workload.
*/ -}}
{{- define "otelcol-ociapm.keepsQueue" -}}
{{- $namespace := include "otelcol-ociapm.namespace" .context -}}
{{- with lookup "apps/v1" "Deployment" $namespace .workload.name -}}
  {{- if not $.context.Values.gateway.replaceDeployment -}}
    {{- fail (printf "gateway.replaceDeployment: this upgrade replaces Deployment %s by a StatefulSet, and deletes the queue of its pods: look whether `kubectl exec -n %s POD -- /apmctl doctor` says `queue-content empty` for each pod, then set the value to true for this upgrade" .metadata.name $namespace) -}}
  {{- end -}}
{{- end -}}
{{- with lookup "apps/v1" "StatefulSet" $namespace .workload.name -}}
  {{- $how := printf "Kubernetes cannot change that: `kubectl delete statefulset -n %s %s --cascade=orphan` keeps pods and claims, and the upgrade creates it again" $namespace .metadata.name -}}
  {{- if ne .spec.podManagementPolicy $.context.Values.statefulset.podManagementPolicy -}}
    {{- fail (printf "statefulset.podManagementPolicy: StatefulSet %s has %s, and %s" .metadata.name .spec.podManagementPolicy $how) -}}
  {{- end -}}
  {{- $queue := dict -}}
  {{- range .spec.volumeClaimTemplates -}}
    {{- if eq .metadata.name "queue" }}{{ $queue = .spec }}{{ end -}}
  {{- end -}}
  {{- if ne (not (empty $queue)) $.context.Values.persistence.enabled -}}
    {{- fail (printf "persistence.enabled: StatefulSet %s was created with another value, and %s" .metadata.name $how) -}}
  {{- end -}}
  {{- with $queue -}}
    {{- if ne .resources.requests.storage $.context.Values.gateway.queueSize -}}
      {{- fail (printf "gateway.queueSize: the claims have %s, and %s; expand the existing claims first" .resources.requests.storage $how) -}}
    {{- end -}}
    {{- if or (ne (.storageClassName | default "") $.context.Values.persistence.storageClass) (ne (toJson .accessModes) (toJson $.context.Values.persistence.accessModes)) -}}
      {{- fail (printf "persistence: storageClass and accessModes are %s and %s in the claims, and %s" (.storageClassName | default "\"\"") (toJson .accessModes) $how) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
