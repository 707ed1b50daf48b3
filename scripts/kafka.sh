#!/bin/sh
# Installs and runs Apache Kafka for development and for the tests: one broker or three, each broker and
# controller in one (KRaft), on the loopback address only, never as root.
#
#   scripts/kafka.sh start [1|3]       fetch what is missing, start the brokers that do not run (default 1)
#   scripts/kafka.sh stop [1|3]        stop them; both clusters when no number is given
#   scripts/kafka.sh kill 1|3 NODE     end one broker as a power cut would
#   scripts/kafka.sh node 1|3 NODE     start one broker
#   scripts/kafka.sh status            say what runs
#   scripts/kafka.sh wipe              stop all and delete their data
#   scripts/kafka.sh show [1|3]        addresses, user, certificate
#
# The jars come from Maven Central and are kept in ~/.cache/vobroker (root: /var/cache/vobroker), so that only
# the first start needs the network. VOBROKER_KAFKA names the folder of the data, VOBROKER_KAFKA_PORT the first port (default 19092).
set -eu
version=4.4.0
state=${VOBROKER_KAFKA:-${TMPDIR:-/tmp}/vobroker-kafka-$(id -u)}
# What root fetches must be readable to the plain user that runs it.
if [ "$(id -u)" = 0 ]; then cache=/var/cache; else cache=${XDG_CACHE_HOME:-$HOME/.cache}; fi
jars=${VOBROKER_KAFKA_JARS:-$cache/vobroker/kafka-$version}
base=${VOBROKER_KAFKA_PORT:-19092}
user=vobroker

fail() {
    echo "scripts/kafka.sh: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@" || fail "needs root for: $*"; fi
}

# Servers do not run as root: then they run as one of the system's plain users.
if [ "$(id -u)" = 0 ]; then
    as_plain() { setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$@"; }
else
    as_plain() { "$@"; }
fi

# --- what is needed ---

install_with() { # command, Debian package, Homebrew formula
    command -v "$1" >/dev/null && return
    if command -v apt-get >/dev/null; then
        as_root env DEBIAN_FRONTEND=noninteractive sh -c \
            "apt-get install -y -q --no-install-recommends $2 || { apt-get update -q && apt-get install -y -q --no-install-recommends $2; }" \
            >"${TMPDIR:-/tmp}/vobroker-kafka-install.log" 2>&1 || fail "cannot install $2"
    elif command -v brew >/dev/null; then
        brew install --quiet "$3" || fail "Homebrew cannot install $3"
    else
        fail "$1 is missing, and neither apt-get nor brew is there to install it"
    fi
}

java_works() { java -version 2>&1 | head -n 1 | grep -Eq '"(1[7-9]|[2-9][0-9])'; }

fetch_jars() {
    [ -f "$jars/complete" ] && return
    install_with mvn maven maven
    echo "fetching Kafka $version (about 100 MB) into $jars"
    rm -rf "$jars"
    mkdir -p "$jars"
    cat >"$jars/pom.xml" <<EOF
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
EOF
    mvn -q -B -f "$jars/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$jars" >"$jars/maven.log" 2>&1 ||
        fail "Maven cannot fetch org.apache.kafka:kafka_2.13:$version: $(grep -m 1 ERROR "$jars/maven.log")"
    touch "$jars/complete"
}

# --- one broker ---

port() { # cluster, node, listener (0 plain, 1 SASL, 2 SASL over TLS, 3 controllers)
    echo $((base + 100 * ($1 / 3) + 10 * ($2 - 1) + $3))
}

addresses() { # cluster, listener
    list=
    for node in $(seq "$1"); do list="$list${list:+,}127.0.0.1:$(port "$1" "$node" "$2")"; done
    echo "$list"
}

voters() {
    list=
    for node in $(seq "$1"); do list="$list${list:+,}$node@127.0.0.1:$(port "$1" "$node" 3)"; done
    echo "$list"
}

configure() { # cluster, node
    folder=$state/$1/node-$2
    mkdir -p "$folder/data"
    all="PLAIN://127.0.0.1:$(port "$1" "$2" 0),SASL://127.0.0.1:$(port "$1" "$2" 1),TLS://127.0.0.1:$(port "$1" "$2" 2)"
    cat >"$folder/server.properties" <<EOF
process.roles=broker,controller
node.id=$2
controller.quorum.voters=$(voters "$1")
controller.listener.names=CONTROLLER
listeners=$all,CONTROLLER://127.0.0.1:$(port "$1" "$2" 3)
advertised.listeners=$all
listener.security.protocol.map=PLAIN:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAIN
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:$user
sasl.enabled.mechanisms=SCRAM-SHA-256,OAUTHBEARER
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="$user";
listener.name.tls.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.tls.sasl.enabled.mechanisms=SCRAM-SHA-256
ssl.keystore.type=PEM
ssl.keystore.location=$state/server.pem
log.dirs=$folder/data
auto.create.topics.enable=false
message.max.bytes=67108864
replica.fetch.max.bytes=67108864
log.segment.bytes=268435456
offsets.topic.num.partitions=8
offsets.topic.replication.factor=$1
transaction.state.log.num.partitions=8
transaction.state.log.replication.factor=$1
transaction.state.log.min.isr=$((($1 + 1) / 2))
min.insync.replicas=$((($1 + 1) / 2))
default.replication.factor=$1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=2000
EOF
}

secrets() {
    [ -f "$state/password" ] && return
    umask 077
    openssl rand -hex 16 >"$state/password"
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1,DNS:localhost \
        -keyout "$state/key.pem" -out "$state/ca.pem" 2>"$state/openssl.log" || fail "openssl cannot make a certificate"
    cat "$state/key.pem" "$state/ca.pem" >"$state/server.pem"
    umask 022
}

kafka_java() { as_plain java -cp "$jars/*" "$@"; }

pid_of() { cat "$state/$1/node-$2/pid" 2>/dev/null || echo 0; }

runs() { [ "$(pid_of "$1" "$2")" != 0 ] && kill -0 "$(pid_of "$1" "$2")" 2>/dev/null; }

serves() { # whether a connection to the listener is accepted
    bash -c "exec 3<>/dev/tcp/127.0.0.1/$(port "$1" "$2" 0)" 2>/dev/null
}

start_node() { # cluster, node
    runs "$1" "$2" && return
    folder=$state/$1/node-$2
    configure "$1" "$2"
    if [ ! -f "$folder/data/meta.properties" ]; then
        [ "$(id -u)" = 0 ] && chown -R nobody "$state"
        kafka_java kafka.tools.StorageTool format --ignore-formatted -t vobroker-cluster-0000$1 -c "$folder/server.properties" \
            --add-scram "SCRAM-SHA-256=[name=$user,password=$(cat "$state/password")]" >"$folder/format.log" 2>&1 ||
            fail "cannot format $folder: $(tail -n 1 "$folder/format.log")"
    fi
    [ "$(id -u)" = 0 ] && chown -R nobody "$state"
    heap=${VOBROKER_KAFKA_HEAP:-512m}
    if [ "$(id -u)" = 0 ]; then
        set -- "$1" "$2" setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups
    else
        set -- "$1" "$2" env
    fi
    shift 2
    # A session of its own: what ends the shell does not end the broker.
    nohup "$@" java -Xmx"$heap" -Xms64m -XX:+UseSerialGC -cp "$jars/*" \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true \
        kafka.Kafka "$folder/server.properties" >"$folder/broker.log" 2>&1 </dev/null &
    echo $! >"$folder/pid"
}

await() { # cluster, node
    waited=0
    until serves "$1" "$2"; do
        runs "$1" "$2" || fail "broker $2 of $1 ended: $(tail -n 3 "$state/$1/node-$2/broker.log")"
        waited=$((waited + 1))
        [ $waited -lt 300 ] || fail "broker $2 of $1 does not answer: $(tail -n 3 "$state/$1/node-$2/broker.log")"
        sleep 0.2
    done
}

start() {
    java_works || install_with java-17 openjdk-17-jre-headless openjdk@17
    java_works || fail "Java 17 or newer is needed"
    install_with openssl openssl openssl@3
    fetch_jars
    mkdir -p "$state"
    chmod 755 "$state"
    secrets
    for node in $(seq "$1"); do start_node "$1" "$node"; done
    for node in $(seq "$1"); do await "$1" "$node"; done
}

stop() {
    for node in $(seq "$1"); do
        if runs "$1" "$node"; then kill "$(pid_of "$1" "$node")"; fi
    done
    for node in $(seq "$1"); do
        waited=0
        while runs "$1" "$node"; do
            waited=$((waited + 1))
            [ $waited -lt 100 ] || kill -9 "$(pid_of "$1" "$node")"
            sleep 0.1
        done
        rm -f "$state/$1/node-$node/pid"
    done
}

show() {
    echo "brokers:      $(addresses "$1" 0)"
    echo "with SASL:    $(addresses "$1" 1)   (SCRAM-SHA-256 or OAUTHBEARER)"
    echo "with TLS:     $(addresses "$1" 2)   (SCRAM-SHA-256; certificate $state/ca.pem)"
    echo "user:         $user, password in $state/password"
    echo "logs:         $state/$1/node-*/broker.log"
}

command=${1:-help}
size=${2:-1}
case $size in 1 | 3) ;; *) fail "a cluster has 1 or 3 brokers, not $size" ;; esac
case $command in
start)
    start "$size"
    show "$size"
    echo "stop it with: scripts/kafka.sh stop $size"
    ;;
stop) if [ $# -gt 1 ]; then stop "$size"; else stop 1 && stop 3; fi ;;
kill) kill -9 "$(pid_of "$size" "${3:?which node}")" && rm -f "$state/$size/node-$3/pid" ;;
node) start_node "$size" "${3:?which node}" && await "$size" "$3" ;;
status)
    for cluster in 1 3; do
        for node in $(seq $cluster); do
            if runs $cluster "$node"; then word=runs; else word="does not run"; fi
            echo "broker $node of $cluster: $word at 127.0.0.1:$(port $cluster "$node" 0)"
        done
    done
    ;;
show) show "$size" ;;
wipe) stop 1 && stop 3 && rm -rf "$state" ;;
*) sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0" ;;
esac
