#!/bin/bash
# shellcheck disable=SC2086 - several options in one variable, as upstream has it
set -euo pipefail
home=/usr/share/opensearch
exec java $OPENSEARCH_JAVA_OPTS -XX:+UseSerialGC -Djava.security.manager=allow -Dlog4j2.level=WARN -Djava.io.tmpdir=/tmp \
    -cp "$home/libs/*" "$home/OneNode.java" "$home" 9200
