#!/usr/bin/env bash
# queryparser from PyPI, in an environment of its own.
set -euo pipefail
here="$1"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet queryparser-python3==0.8.0
cp "$here/protocol.py" "$here/queryparser/adapter.py" .
echo "queryparser 0.8.0" >version
printf '#!/bin/sh\nexec %q %q "$@"\n' "$PWD/venv/bin/python" "$PWD/adapter.py" >run
chmod +x run
echo 'SELECT a FROM t' | ./run
