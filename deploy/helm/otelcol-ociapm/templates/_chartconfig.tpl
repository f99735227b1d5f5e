{{- /*
What values other than config add to a workload's configuration: YAML, or nothing.
Arguments: context, workload.
*/ -}}
{{- define "otelcol-ociapm.chartConfig" -}}
{{- $values := .context.Values -}}
{{- $ports := $values.ports -}}
{{- $files := include "otelcol-ociapm.service" . | fromYaml -}}
{{- $receiver := dict "grpc" dict "http" dict -}}
{{- $exporters := dict -}}
{{- $processors := dict -}}
{{- $extensions := dict -}}
{{- $service := dict -}}
{{- if .workload.receives -}}
  {{- if ne 4317 (int $ports.otlp.containerPort) -}}
    {{- $_ := set $receiver.grpc "endpoint" (printf "0.0.0.0:%d" (int $ports.otlp.containerPort)) -}}
    {{- if .workload.samplers -}}
      {{- $_ := set $exporters "load_balancing" (dict "resolver" (dict "k8s" (dict "ports" (list (int $ports.otlp.containerPort))))) -}}
    {{- end -}}
  {{- end -}}
  {{- if ne 4318 (int (index $ports "otlp-http").containerPort) -}}
    {{- $_ := set $receiver.http "endpoint" (printf "0.0.0.0:%d" (int (index $ports "otlp-http").containerPort)) -}}
  {{- end -}}
{{- end -}}
{{- if ne 13133 (int $ports.health.containerPort) -}}
  {{- $_ := set $extensions "health_check" (dict "endpoint" (printf "0.0.0.0:%d" (int $ports.health.containerPort))) -}}
{{- end -}}
{{- if ne 8888 (int $ports.metrics.containerPort) -}}
  {{- $readers := $files.telemetry.metrics.readers -}}
  {{- $_ := set (first $readers).pull.exporter.prometheus "port" (int $ports.metrics.containerPort) -}}
  {{- $_ := set $service "telemetry" (dict "metrics" (dict "readers" $readers)) -}}
{{- end -}}
{{- with include "otelcol-ociapm.metricsPipelines" . }}{{ $_ := set $service "pipelines" (fromYaml .) }}{{ end -}}
{{- with include "otelcol-ociapm.budget" . | fromYaml -}}
  {{- $extensions = merge $extensions .extensions -}}
  {{- $processors = .processors | default dict -}}
{{- end -}}
{{- $authenticators := dict -}}
{{- if eq .workload.component "gateway" -}}
  {{- include "otelcol-ociapm.secureReceiver" (dict "gateway" $values.gateway "receiver" $receiver "authenticators" $authenticators) -}}
{{- else if and (eq .workload.component "agent") $values.agent.gateway -}}
  {{- $exporter := dict -}}
  {{- include "otelcol-ociapm.secureExporter" (dict "agent" $values.agent "exporter" $exporter "authenticators" $authenticators) -}}
  {{- with $exporter }}{{ $_ := set $exporters "otlp_grpc" . }}{{ end -}}
{{- end -}}
{{- if $authenticators -}}
  {{- $extensions = merge $extensions $authenticators -}}
  {{- $_ := set $service "extensions" (concat $files.extensions (keys $authenticators | sortAlpha)) -}}
{{- end -}}
{{- $config := dict -}}
{{- if or $receiver.grpc $receiver.http }}{{ $_ := set $config "receivers" (dict "otlp" (dict "protocols" $receiver)) }}{{ end -}}
{{- with $processors }}{{ $_ := set $config "processors" . }}{{ end -}}
{{- with $exporters }}{{ $_ := set $config "exporters" . }}{{ end -}}
{{- with $extensions }}{{ $_ := set $config "extensions" . }}{{ end -}}
{{- with $service }}{{ $_ := set $config "service" . }}{{ end -}}
{{- with $config }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- /* The service section of a workload's files. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.service" -}}
{{- $service := dict -}}
{{- range .workload.files -}}
  {{- with (printf "files/%s" .file | $.context.Files.Get | fromYaml).service -}}
    {{- include "otelcol-ociapm.override" (dict "base" $service "over" .) -}}
  {{- end -}}
{{- end -}}
{{- toYaml $service -}}
{{- end -}}

{{- define "otelcol-ociapm.credentials" -}}/var/run/secrets/otelcol-ociapm-credentials{{- end -}}

{{- /*
Who may send to a gateway. Files are read again when their Secret changes. Arguments:
gateway (its values), receiver and authenticators, which are set.
*/ -}}
{{- define "otelcol-ociapm.secureReceiver" -}}
{{- $folder := include "otelcol-ociapm.credentials" . -}}
{{- if .gateway.tls.secretName -}}
  {{- $tls := dict "cert_file" (printf "%s/tls.crt" $folder) "key_file" (printf "%s/tls.key" $folder) "reload_interval" "1m" -}}
  {{- if .gateway.tls.clientCASecretName -}}
    {{- $tls = merge $tls (dict "client_ca_file" (printf "%s/client-ca.crt" $folder) "client_ca_file_reload" true) -}}
  {{- end -}}
  {{- $_ := set .receiver.grpc "tls" $tls -}}
  {{- $_ := set .receiver.http "tls" $tls -}}
{{- end -}}
{{- if .gateway.token.secretName -}}
  {{- $_ := set .authenticators "bearertokenauth" (dict "filename" (printf "%s/token" $folder)) -}}
  {{- $_ := set .receiver.grpc "auth" (dict "authenticator" "bearertokenauth") -}}
  {{- $_ := set .receiver.http "auth" (dict "authenticator" "bearertokenauth") -}}
{{- end -}}
{{- if .gateway.cors.enabled -}}
  {{- $_ := set .receiver.http "cors" (dict "allowed_origins" .gateway.cors.allowedOrigins "allowed_headers" (list "Authorization" "Content-Encoding" "Content-Type") "max_age" 7200) -}}
  {{- if .gateway.cors.secretName -}}
    {{- $_ := set .authenticators "bearertokenauth/browsers" (dict "scheme" "dataKey" "filename" (printf "%s/public_data_key" $folder)) -}}
    {{- $_ := set .receiver.http "auth" (dict "authenticator" "bearertokenauth/browsers") -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- /* How agents connect to their gateway. Arguments: agent (its values), exporter and authenticators, which are set. */ -}}
{{- define "otelcol-ociapm.secureExporter" -}}
{{- $folder := include "otelcol-ociapm.credentials" . -}}
{{- if .agent.gatewayTLS.enabled -}}
  {{- $tls := dict "insecure" false -}}
  {{- with .agent.gatewayTLS.caSecretName }}{{ $_ := set $tls "ca_file" (printf "%s/ca.crt" $folder) }}{{ end -}}
  {{- with .agent.gatewayTLS.secretName -}}
    {{- $tls = merge $tls (dict "cert_file" (printf "%s/tls.crt" $folder) "key_file" (printf "%s/tls.key" $folder)) -}}
  {{- end -}}
  {{- with .agent.gatewayTLS.serverName }}{{ $_ := set $tls "server_name_override" . }}{{ end -}}
  {{- if or .agent.gatewayTLS.caSecretName .agent.gatewayTLS.secretName }}{{ $_ := set $tls "reload_interval" "1m" }}{{ end -}}
  {{- $_ := set .exporter "tls" $tls -}}
{{- end -}}
{{- if .agent.gatewayToken.secretName -}}
  {{- $_ := set .authenticators "bearertokenauth" (dict "filename" (printf "%s/token" $folder)) -}}
  {{- $_ := set .exporter "auth" (dict "authenticator" "bearertokenauth") -}}
{{- end -}}
{{- end -}}

{{- /* The Secrets of these settings, as sources of one volume: YAML, or nothing. Arguments: context, workload. */ -}}
{{- define "otelcol-ociapm.credentialSources" -}}
{{- $values := .context.Values -}}
{{- if eq .workload.component "gateway" }}
{{- with $values.gateway.tls.secretName }}
- secret: {name: {{ . | quote }}, items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]}
{{- end }}
{{- with $values.gateway.tls.clientCASecretName }}
- secret: {name: {{ . | quote }}, items: [{key: ca.crt, path: client-ca.crt}]}
{{- end }}
{{- with $values.gateway.token.secretName }}
- secret: {name: {{ . | quote }}, items: [{key: token, path: token}]}
{{- end }}
{{- if and $values.gateway.cors.enabled $values.gateway.cors.secretName }}
- secret: {name: {{ $values.gateway.cors.secretName | quote }}, items: [{key: public_data_key, path: public_data_key}]}
{{- end }}
{{- else if eq .workload.component "agent" }}
{{- with $values.agent.gatewayTLS.caSecretName }}
- secret: {name: {{ . | quote }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- with $values.agent.gatewayTLS.secretName }}
- secret: {name: {{ . | quote }}, items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]}
{{- end }}
{{- with $values.agent.gatewayToken.secretName }}
- secret: {name: {{ . | quote }}, items: [{key: token, path: token}]}
{{- end }}
{{- end }}
{{- end -}}
