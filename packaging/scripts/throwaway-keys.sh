#!/usr/bin/env bash
# Creates keys for the tests of signatures: throwaway-keys.sh DIRECTORY. They are like
# those of a release, have no passphrase, and expire after a day.
#   gpg.key, gpg.pub    for the packages: RELEASE_GPG_KEY_FILE
#   sign.key, sign.pub  for cosign's bundles: RELEASE_SIGNING_KEY
set -euo pipefail
umask 077
directory=$1
mkdir -p "$directory"
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
# RSA: the rpm of Oracle Linux 8 knows no other signature that nfpm writes.
gpg --batch --quiet --passphrase '' --quick-generate-key "Throw-away key of a test" rsa3072 sign 1d
gpg --batch --armor --export-secret-keys >"$directory/gpg.key"
gpg --batch --armor --export >"$directory/gpg.pub"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$directory/sign.key" 2>/dev/null
openssl pkey -in "$directory/sign.key" -pubout -out "$directory/sign.pub"
