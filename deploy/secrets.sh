#!/bin/sh
# Makes the secrets of the profile standard that are missing, as files in deploy/secrets that only the containers'
# user reads. Put your own certificate in place of the one made here: tls_certificate, tls_key (PEM).
set -eu
folder=${VOBROKER_SECRETS:-$(cd "$(dirname "$0")" && pwd)/secrets}
mkdir -p "$folder"
chmod 700 "$folder"
umask 077
cd "$folder"
[ -f database_password ] || openssl rand -hex 24 >database_password
[ -f pgpass ] || echo "database:5432:*:vobroker:$(cat database_password)" >pgpass
[ -f tls_key ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout tls_key -out tls_certificate 2>/dev/null
chown 10001:10001 database_password pgpass tls_key tls_certificate
