#!/bin/sh
# Fetches the scripts named in package.json from npm, in the versions given there, and puts them with their
# licences where the wheel (and, for axe-core, the tests) take them from.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# vendor PACKAGE FILE FOLDER: one file of a package and its licence
vendor() {
    version=$(sed -n "s|.*\"$1\": \"\([0-9.]*\)\".*|\1|p" package.json)
    (cd "$work" && rm -rf package && tar -xzf "$(npm pack --silent "$1@$version")")
    mkdir -p "$root/$3/LICENSES"
    cp "$work/package/$2" "$root/$3/"
    cp "$work/package/LICENSE" "$root/$3/LICENSES/$1.txt"
    echo "$1 $version -> $3/$(basename "$2")"
}

vendor htmx.org dist/htmx.min.js src/vobroker/web/static/vendor
vendor htmx-ext-sse dist/sse.min.js src/vobroker/web/static/vendor
vendor axe-core axe.min.js tests/web/vendor
