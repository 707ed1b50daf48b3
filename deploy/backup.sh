#!/bin/sh
# Saves what the profile embedded keeps, archive and keys and tokens, as one tar file; and puts it back.
#
#   deploy/backup.sh save FILE       stops the broker, writes FILE, starts it again
#   deploy/backup.sh restore FILE    fills an empty volume from FILE, and starts the broker
#
# COMPOSE and DOCKER are the programs (docker compose with this folder's file, docker); VOBROKER_PROJECT is the
# project's name (default vobroker).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
project=${VOBROKER_PROJECT:-vobroker}
docker=${DOCKER:-docker}
image=${VOBROKER_REGISTRY_PREFIX:-localhost/vobroker}/web:${VOBROKER_TAG:-latest}

fail() {
    echo "deploy/backup.sh: $*" >&2
    exit 1
}

# shellcheck disable=SC2086
compose() { ${COMPOSE:-docker compose -f "$here/compose.yaml"} -p "$project" --profile embedded "$@"; }

# shellcheck disable=SC2086
tar_in() { # what may be done with the volume, arguments of tar
    how=$1
    shift
    $docker run --rm -i --user 10001:10001 --cap-drop all --volume "${project}_archive:/var/lib/vobroker:$how" \
        --entrypoint tar "$image" -C /var/lib/vobroker "$@"
}

file=${2:-}
[ -n "$file" ] || { sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0" && exit 2; }
case $1 in
save)
    [ ! -e "$file" ] || fail "$file is there already"
    compose stop broker
    umask 077
    if tar_in ro --exclude ./.cache -cf - . >"$file.part" && tar -tf "$file.part" >/dev/null; then
        mv "$file.part" "$file"
    else
        rm -f "$file.part"
        compose start broker
        fail "the backup failed, and nothing was written"
    fi
    compose start broker
    ;;
restore)
    tar -tf "$file" >/dev/null || fail "$file is no whole backup"
    compose up --no-start broker
    if tar_in ro -cf - . </dev/null | tar -tf - | grep -q '^\./archive'; then
        fail "the volume ${project}_archive holds an archive: move it away first"
    fi
    tar_in rw --no-same-owner -xf - <"$file" || fail "cannot fill the volume ${project}_archive"
    compose up -d --wait broker
    ;;
*) fail "unknown command $1; there are save and restore" ;;
esac
