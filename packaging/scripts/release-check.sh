#!/usr/bin/env bash
# Builds the release and the image of the last commit in two folders with different
# names, and compares them byte by byte. RELEASE_TARGETS=linux-amd64 selects that one
# only; compiling the others takes a quarter of an hour or more.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for name in first a/folder/elsewhere; do
  git clone --quiet --no-hardlinks "$root" "$work/$name"
  make --no-print-directory -C "$work/$name" release >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  make --no-print-directory -C "$work/$name" image >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  (cd "$work/$name/dist" && find . -type f \( -name '*.tar*' -o -name '*.zip' -o -name '*.deb' -o -name '*.rpm' -o -name '*.sbom.json' -o -name checksums.txt \) -print0 |
    sort -z | xargs -0 sha256sum) >"$work/$(basename "$name").sums"
done
cat "$work/first.sums"
diff "$work/first.sums" "$work/elsewhere.sums" || { echo "release-check: two builds of one commit differ" >&2; exit 1; }
echo "release-check: $(wc -l <"$work/first.sums") files, the same bytes in both builds"
