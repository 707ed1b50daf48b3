#!/usr/bin/env bash
# vobroker's parser needs nothing but Python 3.11: a link to the source is all.
set -euo pipefail
here="$1"
python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'
cp "$here/protocol.py" "$here/vobroker/adapter.py" .
echo "vobroker (this repository)" >version
printf '#!/bin/sh\nPYTHONPATH=%q exec %q %q "$@"\n' "$here/../../src" "$(command -v "$python")" "$PWD/adapter.py" >run
chmod +x run
echo 'SELECT a FROM t' | ./run
