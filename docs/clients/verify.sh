#!/bin/sh
# Signs a payment order as detached CMS and has it verified.
# Usage: CHUKY=https://… KEY=… sh verify.sh PRIVATE-KEY CERTIFICATE ISSUING-CERTIFICATE ORDER.json
set -eu
signature=$(mktemp)
trap 'rm -f "$signature"' EXIT
openssl cms -sign -binary -md sha256 -inkey "$1" -signer "$2" -certfile "$3" -in "$4" -outform DER -out "$signature"
curl --silent --show-error --fail-with-body -H "Authorization: Bearer $KEY" \
    -F "signature=@$signature" -F "content=@$4" "$CHUKY/api/v1/transactions/verify"
