#!/bin/sh
# Runs the Kafka proxy Kroxylicious in the foreground, for development and for the tests.
#
#   scripts/kroxylicious.sh CONFIG      fetch what is missing, run it with a configuration file
#   scripts/kroxylicious.sh fetch       only fetch it
#
# The jars come from Maven Central and are kept beside those of scripts/kafka.sh.
set -eu
version=0.12.0
if [ "$(id -u)" = 0 ]; then cache=/var/cache; else cache=${XDG_CACHE_HOME:-$HOME/.cache}; fi
jars=${VOBROKER_KROXYLICIOUS_JARS:-$cache/vobroker/kroxylicious-$version}
here=$(dirname "$0")

fail() {
    echo "scripts/kroxylicious.sh: $*" >&2
    exit 1
}

fetch() {
    [ -f "$jars/complete" ] && return
    command -v mvn >/dev/null || fail "mvn is missing; scripts/kafka.sh start installs it"
    rm -rf "$jars"
    mkdir -p "$jars"
    cat >"$jars/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId><artifactId>kroxylicious</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>io.kroxylicious</groupId><artifactId>kroxylicious-runtime</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>2.0.17</version></dependency>
  </dependencies>
</project>
POM
    mvn -q -B -f "$jars/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$jars" >"$jars/maven.log" 2>&1 ||
        fail "Maven cannot fetch io.kroxylicious:kroxylicious-runtime:$version: $(grep -m 1 ERROR "$jars/maven.log")"
    command -v javac >/dev/null || fail "a JDK is needed, with javac"
    javac -cp "$jars/*" -d "$jars" "$here/Kroxylicious.java" || fail "javac cannot compile the launcher"
    touch "$jars/complete"
}

case ${1:-help} in
help | -h | --help) sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0" ;;
fetch) fetch ;;
*)
    fetch
    exec java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jars:$jars/*" \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true Kroxylicious "$1"
    ;;
esac
