#!/bin/sh
# Installs STILTS (Debian's package), which the tests read every output format with: votlint, taplint, tpipe.
#
#   scripts/stilts.sh    install it where it is missing, and say which version there is
set -eu

fail() {
    echo "scripts/stilts.sh: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@" || fail "needs root for: $*"; fi
}

apt_install() {
    command -v apt-get >/dev/null || return 1
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive sh -c \
        "apt-get install -y -q --no-install-recommends $* || { apt-get update -q && apt-get install -y -q --no-install-recommends $*; }" \
        >"${TMPDIR:-/tmp}/vobroker-stilts-install.log" 2>&1
}

if ! command -v stilts >/dev/null; then
    if command -v brew >/dev/null; then
        fail "Homebrew has no STILTS; put stilts from https://www.starlink.ac.uk/stilts/ on the PATH"
    fi
    apt_install stilts || fail "cannot install STILTS: apt-get does not give stilts"
fi
stilts -version 2>/dev/null | sed -n "s/^ *\(STILTS version\)/\1/p" | grep . || fail "stilts is there but does not start: see 'stilts -version'"
