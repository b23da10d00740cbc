#!/bin/sh
# shellcheck disable=SC2086 - several options in one variable, as upstream has it
exec java $KAFKA_HEAP_OPTS -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/libs/*' kafka.Kafka "$@"
