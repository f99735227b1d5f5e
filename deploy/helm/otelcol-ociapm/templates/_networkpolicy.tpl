{{- /* Who may connect to the pods. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.ingressRules" -}}
{{- $values := .context.Values -}}
{{- $pods := list (dict "namespaceSelector" dict) -}}
{{- $from := $values.networkPolicy.allowIngressFrom -}}
{{- if and (not $from) (ne .workload.component "agent") (not (and (eq .workload.component "gateway") (ne $values.service.type "ClusterIP"))) -}}
  {{- $from = $pods -}}
{{- end -}}
{{- $ports := list -}}
{{- if .workload.receives -}}
  {{- if $values.ports.otlp.enabled }}{{ $ports = append $ports (dict "port" "otlp-grpc" "protocol" "TCP") }}{{ end -}}
  {{- if (index $values.ports "otlp-http").enabled }}{{ $ports = append $ports (dict "port" "otlp-http" "protocol" "TCP") }}{{ end -}}
{{- end -}}
{{- $metrics := list (dict "port" "metrics" "protocol" "TCP") -}}
{{- $rules := list -}}
{{- if eq .workload.component "sampler" -}}
  {{- /* Only the gateway knows which sampler a trace belongs to. */ -}}
  {{- $gateway := dict "podSelector" (dict "matchExpressions" (list (dict "key" "app.kubernetes.io/component" "operator" "In" "values" (list "gateway")))) -}}
  {{- $rules = list (dict "from" (list $gateway) "ports" $ports) (dict "from" $from "ports" $metrics) -}}
{{- else if $from -}}
  {{- $rules = list (dict "from" $from "ports" (concat $ports $metrics)) -}}
{{- else -}}
  {{- $rules = list (dict "ports" (concat $ports $metrics)) -}}
{{- end -}}
{{- $rules = append $rules (dict "ports" (list (dict "port" "health" "protocol" "TCP"))) -}}
{{- toYaml (concat $rules ($values.networkPolicy.extraIngressRules | default list)) -}}
{{- end -}}

{{- /* What the pods may connect to. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.egressRules" -}}
{{- $values := .context.Values -}}
{{- $agent := eq .workload.component "agent" -}}
{{- $asks := and .workload.apm $values.apm.domainId -}}
{{- $identity := and .workload.apm (include "otelcol-ociapm.workloadIdentity" .context) -}}
- ports: # DNS
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
    - {port: 5353, protocol: UDP} # of the DNS pods of OpenShift
    - {port: 5353, protocol: TCP}
{{- if or $agent .workload.samplers }}
- ports: # the API server, and for agents APM
    - {port: 443, protocol: TCP}
    - {port: 6443, protocol: TCP}
{{- else if .workload.apm }}
- ports: # APM
    - {port: 443, protocol: TCP}
{{- end }}
{{- with include "otelcol-ociapm.otherPorts" . | trim }}
- ports: # APM on another port, and proxies
    {{- . | nindent 4 }}
{{- end }}
{{- if .workload.samplers }}
- to: # samplers
    - podSelector: {}
  ports:
    - {port: {{ int $values.ports.otlp.containerPort }}, protocol: TCP}
{{- end }}
{{- if or $agent (and $asks (not $identity)) }}
- to: # on OCI, the instance metadata service
    - ipBlock: {cidr: 169.254.169.254/32}
  ports:
    - {port: 80, protocol: TCP}
{{- end }}
{{- if $identity }}
- ports: # the cluster's token exchange, on the hosts of its API server
    - {port: 12250, protocol: TCP}
{{- end }}
{{- if .workload.kafka }}
- ports:
    {{- range regexFindAll ":[0-9]+" ($values.kafka.brokers | default "") -1 | uniq }}
    - {port: {{ trimPrefix ":" . }}, protocol: TCP}
    {{- else }}
    - {port: 9092, endPort: 9094, protocol: TCP}
    {{- end }}
{{- end }}
{{- if and $agent $values.agent.gateway }}
{{- include "otelcol-ociapm.gatewayRule" $values.agent.gateway | nindent 0 }}
{{- end }}
{{- with $values.networkPolicy.egressRules }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{- /* Argument: host:port of a gateway. Elsewhere than in the cluster, its addresses are not known. */ -}}
{{- define "otelcol-ociapm.gatewayRule" -}}
{{- if regexMatch "^[^.:]+:|\\.svc(\\.[^:]*)?:" . -}}
- to:
    - namespaceSelector: {}
  ports:
{{- else -}}
- ports: # a gateway elsewhere
{{- end }}
    - {port: {{ regexFind "[0-9]+$" . }}, protocol: TCP}
{{- end -}}

{{- /* The ports of proxies in the pods' variables, and APM's if it is not 443. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.otherPorts" -}}
{{- $pod := include "otelcol-ociapm.podValues" . | fromYaml -}}
{{- $ports := regexFindAll ":[0-9]+(/|$)" (.context.Values.apm.endpoint | default "") -1 -}}
{{- range concat ($pod.extraEnvs | default list) ($pod.extraEnv | default list) -}}
  {{- if and (regexMatch "(?i)^https?_proxy$" .name) .value -}}
    {{- $ports = append $ports (regexFind ":[0-9]+/?$" .value | default (ternary ":443" ":80" (hasPrefix "https:" .value))) -}}
  {{- end -}}
{{- end -}}
{{- range without $ports ":443" | uniq }}
- {port: {{ regexFind "[0-9]+" . }}, protocol: TCP}
{{- end }}
{{- end -}}
