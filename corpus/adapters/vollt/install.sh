#!/usr/bin/env bash
# VOLLT's ADQL library from Debian, unpacked aside, and a small program that asks it.
set -euo pipefail
here="$1"
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
apt-get download adql-java || { as_root apt-get update -qq && apt-get download adql-java; }
dpkg-deb --extract ./adql-java_*.deb root
dpkg-deb --field ./adql-java_*.deb Version | sed 's/^/VOLLT ADQL library (adql-java) /' >version
rm ./*.deb
if ! command -v javac >/dev/null; then
  as_root apt-get update -qq
  as_root apt-get install -y -qq default-jdk-headless
fi
jar="$PWD/root/usr/share/java/adql.jar"
javac -encoding UTF-8 -cp "$jar" -d . "$here/vollt/Adapter.java"
printf '#!/bin/sh\nexec java -cp %q Adapter "$@"\n' "$jar:$PWD" >run
chmod +x run
echo 'SELECT a FROM t' | ./run
