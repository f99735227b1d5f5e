#!/usr/bin/env bash
# Writes the CycloneDX SBOM of a binary: sbom.sh BINARY DOCUMENT. Without serial
# number and time, so that the same binary gives the same document.
set -euo pipefail
binary=$(realpath "$1")
document=$(realpath -m "$2")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# The collector is built for another machine than the one that describes it.
unset GOOS GOARCH
go tool cyclonedx-gomod bin -json -licenses=false -noserial -notimestamp -output "$document" "$binary"
