#!/bin/sh
# A backup's dump into an empty database, in one transaction: all of it is there, or nothing. Takes the folder of backups and the file
# with the backup's name; the Secrets of the owner, whose dsn says where, and of the administrator, where there is one, are mounted. Run
# again after it succeeded, it finds its own mark and does nothing.
set -eu
umask 077
folder=$1
name=$(cat "$2")
dump=$folder/$name/database.dump
secrets=/etc/ovr-alpr/secrets
# The password by the environment: an argument can be read by whoever lists processes.
PGPASSWORD=$(cat "$secrets/owner/password")
dsn=$(sed -E -e 's#^([a-z]*://[^:@/]*):[^@]*@#\1@#' -e 's#([?&])password=[^&]*&?#\1#' \
    -e "s#(^| )password *= *'([^'\\\\]|\\\\.)*'#\1#" -e 's#(^| )password *= *[^ ]*#\1#' "$secrets/owner/dsn")
export PGPASSWORD PGCONNECT_TIMEOUT=10

# Terse: what is wrong with a row is said without the row, for it holds a plate.
run() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set VERBOSITY=terse --dbname "$dsn" "$@"; }
ask() { run --tuples-only --no-align --command "$1"; }
mark="Restored from backup $name"
found=$(ask "SELECT coalesce(obj_description(to_regclass('public.plate_events'), 'pg_class'), '')")
[ "$found" != "$mark" ] || { echo "$name: the database is restored already"; exit 0; }
if [ -n "$(ask "SELECT to_regclass('public.plate_events')")" ]; then
    if [ "$(ask 'SELECT EXISTS (SELECT FROM public.plate_events)')" = t ]; then
        echo "The database holds readings already, and nothing was changed: restore into an empty one." >&2
    else
        echo "The database has tables already, and nothing was changed: restore before alpr-services is installed." >&2
    fi
    exit 1
fi

before='' after='' flags=--no-owner
if pg_restore --list "$dump" | grep -q 'EXTENSION - timescaledb'; then
    # Its own tables are the superuser's; owners stand in the dump.
    [ -e "$secrets/admin/password" ] || {
        echo "The dump is TimescaleDB's, whose own tables only a superuser can fill: see docs/backup.md." >&2
        exit 1
    }
    PGPASSWORD=$(cat "$secrets/admin/password") flags=
    dsn=$(printf '%s' "$dsn" | sed 's#//[^@/]*@#//postgres@#')
    before='SELECT public.timescaledb_pre_restore();' after='SELECT public.timescaledb_post_restore();'
fi
# The end of the transaction is written only after all of the dump was read.
# A new Kafka begins at 0, so offsets of the old one would pass over what it brings; what comes again is known by its id.
# shellcheck disable=SC2086 - no flag, or one
{
    printf 'BEGIN;\n%s\n' "$before"
    pg_restore --no-comments --exit-on-error $flags --file=- "$dump" || exit 1
    printf '%s\nTRUNCATE public.kafka_offsets;\n' "$after"
    printf "COMMENT ON TABLE public.plate_events IS '%s';\nCOMMIT;\n" "$mark"
} | run --output /dev/null || true
found=$(ask "SELECT coalesce(obj_description(to_regclass('public.plate_events'), 'pg_class'), '')")
[ "$found" = "$mark" ] || { echo "$name: the dump could not be read to its end; nothing was changed" >&2; exit 1; }
ask 'SET client_min_messages = error; ANALYZE'
echo "$name: the database is restored, $(ask 'SELECT count(*) FROM public.plate_events') readings"
