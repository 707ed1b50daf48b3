#!/bin/sh
# Makes sure that a Chromium the page tests can drive is on this machine. Does nothing when there is one.
set -eu
VENV=${VENV:-.venv}

usable() { "$1" --version >/dev/null 2>&1; }  # the snap stub of Ubuntu exists but does not run

present() {
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        [ -n "$name" ] && path=$(command -v "$name" 2>/dev/null) && usable "$path" && return 0
    done
    for path in "$HOME"/.cache/ms-playwright/chromium-*/chrome-linux*/chrome \
        "$HOME"/Library/Caches/ms-playwright/chromium-*/chrome-mac*/*.app/Contents/MacOS/* \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
        /Applications/Chromium.app/Contents/MacOS/Chromium; do
        [ -x "$path" ] && return 0
    done
    return 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo "$@"
    else return 1
    fi
}

from_apt() {
    command -v apt-get >/dev/null 2>&1 || return 1
    . /etc/os-release
    [ "${ID:-}" = debian ] || return 1  # Ubuntu's package is a stub that needs snapd
    echo "Installing Chromium with apt-get ..."
    as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
}

from_playwright() {
    [ -x "$VENV/bin/playwright" ] || return 1
    echo "Installing Chromium with playwright ..."
    if [ "$(uname)" = Linux ] && [ "$(id -u)" -eq 0 ]; then
        "$VENV/bin/playwright" install --with-deps chromium
    else
        "$VENV/bin/playwright" install chromium
    fi
}

present || from_apt || from_playwright || true
present || {
    echo "No Chromium found, and it could not be installed. The page tests need one:" \
        "install 'chromium' or 'google-chrome', or set CHROMIUM to its path." >&2
    exit 1
}
