#!/usr/bin/env bash
# PDFs that LibreOffice exports and signs by itself, from a text, a sheet and a form, as PDF 1.7 and PDF/A. Writes NAME.pdf into the folder that is named.
# Needs libreoffice (writer, calc), libnss3-tools and openssl.
set -eu
folder=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export MOZILLA_CERTIFICATE_FOLDER="sql:$work/nss" HOME="$work"

mkdir "$work/nss"
openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 3650 -subj "/C=VN/CN=TEST LibreOffice" -keyout "$work/key" -out "$work/crt" \
    -addext keyUsage=critical,digitalSignature,nonRepudiation 2>/dev/null
openssl pkcs12 -export -inkey "$work/key" -in "$work/crt" -name signer -passout pass: -out "$work/p12"
certutil -N -d "sql:$work/nss" --empty-password
pk12util -i "$work/p12" -d "sql:$work/nss" -W "" >/dev/null
certutil -M -d "sql:$work/nss" -n signer -t "CT,C,C"

printf 'Quyết định\nĐiều 1. Ban hành quy chế.\n' >"$work/letter.txt"
printf 'Tên;Số tiền\nNguyễn Văn An;1000000\n' >"$work/sheet.csv"
cat >"$work/form.html" <<'HTML'
<html><body><h1>Đơn</h1><form><input type="text" name="ten" value="Nguyễn Văn An"><input type="checkbox" name="dong_y" checked></form></body></html>
HTML
sign='"SignPDF":{"type":"boolean","value":"true"},"SignCertificateSubjectName":{"type":"string","value":"CN=TEST LibreOffice,C=VN"}'
for version in 0 1 2 3; do
    more="{$sign,\"SelectPdfVersion\":{\"type\":\"long\",\"value\":\"$version\"}}"
    for source in letter.txt:writer sheet.csv:calc form.html:writer_web; do
        soffice --headless "-env:UserInstallation=file://$work/profile" --convert-to "pdf:${source#*:}_pdf_Export:$more" --outdir "$work/out" "$work/${source%:*}" >"$work/log" 2>&1 || cat "$work/log" >&2
        made="$work/out/$(basename "${source%%.*}").pdf"
        if grep -aq ByteRange "$made"; then mv "$made" "$folder/${source%%.*}-$version.pdf"; else echo "not signed: $source $version" >&2; fi
    done
done
