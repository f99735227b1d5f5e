#!/usr/bin/env bash
# Copies collector configurations, alerts and the dashboard into the folders of kustomize
# and helm, which cannot read files outside their own folder. `make generate` runs this.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

cp ../config/sidecar.yaml kubernetes/components/sidecar/sidecar.yaml

# An agent in Kubernetes also adds the attributes of the OCI instance. Its pipelines have
# one more processor, and its host name comes from the manifest.
{
  echo "# config/oci-resource.yaml, for the pipelines of the agent."
  sed -e '/^#/d' -e 's/memory_limiter, resource_detection/memory_limiter, k8s_attributes, resource_detection/' \
    -e 's/detectors: \[env, system, oraclecloud\]/detectors: [env, oraclecloud]/' ../config/oci-resource.yaml
} >kubernetes/components/workload-identity/resource.yaml

files=helm/otelcol-ociapm/files
rm -rf "$files"
mkdir -p "$files"/{agent,gateway,metrics,monitoring,oci,sidecar}
cp ../docs/alerts.yaml grafana/otelcol-ociapm.json "$files/monitoring/"
sed -e 's/ Pass it after$//' -e '/^# agent.yaml or gateway.yaml:$/,/red-metrics.yaml$/d' ../config/red-metrics.yaml >"$files/metrics/red-metrics.yaml"
sed -e 's/ Pass it after .*$//' -e '/^#$/,/what is left\.$/d' ../config/budget.yaml >"$files/metrics/budget.yaml"
cd kubernetes
cp base/agent/{collector,exporter}.yaml "../$files/agent/"
cp components/forward/exporter.yaml "../$files/agent/exporter-forward.yaml"
cp base/gateway/{collector,exporter}.yaml components/sampler/sampling.yaml "../$files/gateway/"
cp components/queue/exporter.yaml "../$files/gateway/exporter-queued.yaml"
cp components/balancer/exporter.yaml "../$files/gateway/exporter-balancer.yaml"
cp components/kafka-writer/exporter.yaml "../$files/gateway/exporter-kafka.yaml"
cp components/kafka-reader/exporter.yaml "../$files/gateway/receiver-kafka.yaml"
cp components/workload-identity/{oci,resource}.yaml "../$files/oci/"
cp components/sidecar/{sidecar,pod}.yaml "../$files/sidecar/"
