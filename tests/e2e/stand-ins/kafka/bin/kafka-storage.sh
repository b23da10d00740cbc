#!/bin/sh
exec java -Xmx128m -XX:+UseSerialGC -cp '/opt/kafka/libs/*' kafka.tools.StorageTool "$@"
