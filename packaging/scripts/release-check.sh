#!/usr/bin/env bash
# Builds the release and the image of the last commit in two folders with different
# names, and compares them byte by byte. RELEASE_TARGETS=linux-amd64 selects that one
# only; compiling the others takes a quarter of an hour or more. A signature contains its
# time: with RELEASE_GPG_KEY_FILE, what is signed is compared.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# content prints a file without its signature: the parts of a .deb that dpkg reads; of an
# .rpm the digest of its header, which the header's signature is for and which contains the
# digests of all files; and of a list of checksums the lines of other files than packages.
content() {
  case $1 in
  *.deb) dpkg-deb --ctrl-tarfile "$1" && dpkg-deb --fsys-tarfile "$1" ;;
  *.rpm) rpm --query --package --nosignature --queryformat '%{SHA256HEADER}' "$1" && rpm2cpio "$1" ;;
  */checksums.txt) grep --invert-match --extended-regexp '\.(deb|rpm)$' "$1" ;;
  *) cat "$1" ;;
  esac
}
[[ -n ${RELEASE_GPG_KEY_FILE:-} ]] || content() { cat "$1"; }

for name in first a/folder/elsewhere; do
  git clone --quiet --no-hardlinks "$root" "$work/$name"
  make --no-print-directory -C "$work/$name" release >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  make --no-print-directory -C "$work/$name" image >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  (cd "$work/$name/dist" && find . -type f \( -name '*.tar*' -o -name '*.zip' -o -name '*.deb' -o -name '*.rpm' -o -name '*.sbom.json' -o -name checksums.txt -o -name THIRD-PARTY-NOTICES \) -print0 |
    sort -z | while read -r -d '' file; do
      printf '%s  %s\n' "$(content "$file" | sha256sum | cut -d ' ' -f 1)" "$file"
    done) >"$work/$(basename "$name").sums"
done
cat "$work/first.sums"
diff "$work/first.sums" "$work/elsewhere.sums" || { echo "release-check: two builds of one commit differ" >&2; exit 1; }
echo "release-check: $(wc -l <"$work/first.sums") files, the same bytes in both builds"
