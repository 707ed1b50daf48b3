#!/usr/bin/env bash
# DaCHS from Debian, unpacked aside: its parser needs few of the hundred packages that a whole DaCHS needs.
# Those few come from PyPI, astropy and numpy in versions of its time.
set -euo pipefail
here="$1"
packages="python3-gavo python3-gavo-utils python3-gavo-stc python3-gavo-votable"
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
# shellcheck disable=SC2086
apt-get download $packages || { as_root apt-get update -qq && apt-get download $packages; }
for package in ./*.deb; do dpkg-deb --extract "$package" root; done
dpkg-deb --field ./python3-gavo_*.deb Version | sed 's/^/DaCHS (python3-gavo) /' >version
rm ./*.deb

python="${PYTHON:-python3}"
command -v python3.11 >/dev/null && python=python3.11
"$python" -m venv venv
venv/bin/pip install --quiet 'setuptools<81' 'numpy<1.25' 'astropy==5.2.2' \
  docutils psycopg2-binary pyopenssl
cp "$here/protocol.py" "$here/dachs/adapter.py" .
printf '#!/bin/sh\nPYTHONPATH=%q PYTHONWARNINGS=ignore exec %q %q "$@"\n' \
  "$PWD/root/usr/lib/python3/dist-packages" "$PWD/venv/bin/python" "$PWD/adapter.py" >run
chmod +x run
echo 'SELECT a FROM t' | ./run
