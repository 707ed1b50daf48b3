#!/usr/bin/env bash
# Install implementations for the corpus, each into a folder of its own: install.sh [--into FOLDER] [NAME...]
# Afterwards FOLDER/NAME/run is the command, with --batch for many queries. Safe to run again.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
into="${ADQL_IMPLEMENTATIONS:-$here/../../build/adql}"
if [ "${1:-}" = --into ]; then
  into="$2"
  shift 2
fi
[ $# -gt 0 ] || set -- vobroker dachs vollt queryparser
mkdir -p "$into"
into="$(cd "$into" && pwd)"

for name in "$@"; do
  if [ ! -x "$here/$name/install.sh" ]; then
    echo "there is no adapter for '$name' in $here" >&2
    exit 2
  fi
  target="$into/$name"
  # A change of the adapter, or of how it is installed, installs it anew.
  stamp="$(cat "$here/protocol.py" "$here/$name"/*.* | sha256sum)"
  if [ -x "$target/run" ] && [ "$(cat "$target/.stamp" 2>/dev/null)" = "$stamp" ]; then
    continue
  fi
  echo "Installing $name into $target ..." >&2
  rm -rf "$target"
  mkdir -p "$target"
  if ! (cd "$target" && "$here/$name/install.sh" "$here") >"$target/install.log" 2>&1; then
    tail -n 20 "$target/install.log" >&2
    echo "$name could not be installed; all that was said is in $target/install.log" >&2
    exit 1
  fi
  echo "$stamp" >"$target/.stamp"
done
