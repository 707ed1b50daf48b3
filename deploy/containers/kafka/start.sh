#!/bin/sh
# One broker and controller: KAFKA_LOG_DIRS and the like in the environment become log.dirs in its properties.
set -eu
properties=/tmp/server.properties
env | sed -n 's/^KAFKA_\([A-Z_]*\)=\(.*\)$/\1=\2/p' | grep -v '^HEAP_OPTS=' |
    awk -F= '{ name = tolower($1); gsub("_", ".", name); sub("[^=]*=", ""); print name "=" $0 }' >"$properties"
[ -w "$(dirname "$KAFKA_LOG_DIRS")" ] || { echo "the volume of $KAFKA_LOG_DIRS does not belong to user $(id -u)" >&2; exit 1; }
export CLASSPATH="/opt/kafka/libs/*"
java="java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
[ -f "$KAFKA_LOG_DIRS/meta.properties" ] ||
    $java -Xmx256m kafka.tools.StorageTool format --ignore-formatted -t "$CLUSTER_ID" -c "$properties"
# shellcheck disable=SC2086
exec $java ${KAFKA_HEAP_OPTS:--Xmx512m} kafka.Kafka "$properties"
