#!/usr/bin/env bash
# Writes the CycloneDX SBOM of a binary: sbom.sh BINARY DOCUMENT. It omits serial
# number and time, so that the same binary results in the same document.
set -euo pipefail
binary=$(realpath "$1")
document=$(realpath -m "$2")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# The tool must run on this machine, even if the collector was built for another one.
unset GOOS GOARCH
go tool cyclonedx-gomod bin -json -licenses=false -noserial -notimestamp -output "$document" "$binary"
