#!/usr/bin/env bash
# Copies collector configurations to where kustomize and helm can read them:
# neither reads outside its own folder. `make generate` runs this.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

cp ../config/sidecar.yaml kubernetes/components/sidecar/sidecar.yaml

files=helm/otelcol-ociapm/files
rm -rf "$files"
mkdir -p "$files"/{agent,gateway,sidecar}
cd kubernetes
cp base/agent/{collector,exporter}.yaml "../$files/agent/"
cp components/forward/exporter.yaml "../$files/agent/exporter-forward.yaml"
cp base/gateway/{collector,exporter}.yaml components/sampler/sampling.yaml "../$files/gateway/"
cp components/queue/exporter.yaml "../$files/gateway/exporter-queued.yaml"
cp components/balancer/exporter.yaml "../$files/gateway/exporter-balancer.yaml"
cp components/kafka-writer/exporter.yaml "../$files/gateway/exporter-kafka.yaml"
cp components/kafka-reader/exporter.yaml "../$files/gateway/receiver-kafka.yaml"
cp components/sidecar/{sidecar,pod}.yaml "../$files/sidecar/"
