#!/bin/sh
# Makes the database alerts where there is none, with the password of the secret, and serves it.
set -eu
home=/var/lib/postgresql
secret=/run/secrets/database_password
[ -r "$secret" ] || { echo "the secret database_password is missing or not readable to user $(id -u)" >&2; exit 1; }
[ -w "$home" ] || { echo "the volume at $home does not belong to user $(id -u)" >&2; exit 1; }
if [ ! -f "$home/data/PG_VERSION" ]; then
    # Under another name until it is whole.
    rm -rf "$home/new"
    initdb -D "$home/new" -U vobroker --pwfile="$secret" -A scram-sha-256 -E UTF8 --locale=C.UTF-8
    echo 'host all all all scram-sha-256' >>"$home/new/pg_hba.conf"
    # Started for itself, on a socket alone.
    pg_ctl -D "$home/new" -w -o "-c listen_addresses='' -c unix_socket_directories=/tmp" start
    export PGPASSWORD="$(cat "$secret")" PGHOST=/tmp PGUSER=vobroker
    psql -q -v ON_ERROR_STOP=1 -d postgres -c 'CREATE DATABASE alerts'
    psql -q -v ON_ERROR_STOP=1 -d alerts -c 'CREATE EXTENSION q3c'
    # Its script fails on some minor releases of PostgreSQL 15; sky queries use q3c.
    psql -q -v ON_ERROR_STOP=1 -d alerts -c 'CREATE EXTENSION pg_sphere' || echo 'no pgSphere: see above' >&2
    unset PGPASSWORD
    pg_ctl -D "$home/new" -w stop
    mv "$home/new" "$home/data"
fi
exec postgres -D "$home/data" -c listen_addresses='*' -c unix_socket_directories=/tmp
