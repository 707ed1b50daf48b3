#!/usr/bin/env bash
# Make the virtual environment with the extras named in $1, e.g. "test,lint". Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."
extras="$1"
venv="${VENV:-.venv}"

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.14; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "vobroker needs Python 3.11 or newer; set PYTHON to one" >&2
  exit 1
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  python="$(find_python)"
  if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    # Debian and Ubuntu ship Python without its venv module.
    if command -v apt-get >/dev/null 2>&1; then
      as_root apt-get update -qq
      as_root apt-get install -y -qq python3-venv
      "$python" -m venv "$venv"
    else
      echo "'$python -m venv' does not work and there is no apt-get to install it with" >&2
      exit 1
    fi
  fi
fi

stamp="$venv/.installed-${extras//,/-}"
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
  echo "Installing vobroker[$extras] into $venv ..."
  "$venv/bin/python" -m pip install --quiet --upgrade pip
  "$venv/bin/python" -m pip install --quiet -e ".[$extras]"
  touch "$stamp"
fi
