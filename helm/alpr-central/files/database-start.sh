#!/bin/sh
# Starts the image's own entry point with the data locked. PostgreSQL knows a second server by process ids, which mean nothing to
# another container: a pod that is deleted by force may still commit while the next one recovers, and such commits would be lost.
set -eu
command -v flock >/dev/null || { echo "this image has no flock(1): name one of Debian, Ubuntu or Alpine" >&2; exit 1; }
exec 9>>"${PGDATA%/*}/lock" # the server and all its processes inherit it: the last of them to end lets go
if ! flock -n 9; then
    echo "an earlier server still has this data: waiting for its end" >&2
    trap 'exit 143' TERM # the first process of a container ignores what it does not ask for
    flock 9 & wait $!
    trap - TERM
fi
entry=$(command -v docker-entrypoint.sh || echo /docker-entrypoint.sh)
exec "$entry" "$@"
