#!/bin/sh
# shellcheck disable=SC2086 - several options in one variable, as upstream has it
# Version 3, or 2 where the machine that built this has no Java 21.
jar=/opt/registry/quarkus-run.jar
[ -e "$jar" ] || jar=$(ls /opt/registry/*-runner.jar)
exec java $JAVA_OPTIONS -XX:+UseSerialGC -Dquarkus.http.host=0.0.0.0 -jar "$jar"
