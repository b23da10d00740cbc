#!/bin/bash
# What the charts use of the upstream image's interface: POSTGRES_USER, _PASSWORD_FILE, _DB, _INITDB_ARGS, PGDATA, and the scripts
# below /docker-entrypoint-initdb.d, which run once, on the socket, before anybody else can connect.
set -euo pipefail
socket=/var/run/postgresql
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # What a killed first start left is no database yet.
    rm -rf "${PGDATA:?}.new"
    mkdir -p "$PGDATA.new"
    # shellcheck disable=SC2086 - several options in one variable, as upstream has it
    initdb -D "$PGDATA.new" -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" -E UTF8 ${POSTGRES_INITDB_ARGS:-}
    PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    export PGPASSWORD PGHOST=$socket
    pg_ctl -D "$PGDATA.new" -w -o "-c listen_addresses='' -c unix_socket_directories=$socket" start
    psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres -c "CREATE DATABASE \"$POSTGRES_DB\""
    for script in /docker-entrypoint-initdb.d/*.sh; do "$script"; done
    pg_ctl -D "$PGDATA.new" -w -m fast stop
    mv "$PGDATA.new" "$PGDATA"
    unset PGPASSWORD PGHOST
fi
exec "$@" -D "$PGDATA" -c "unix_socket_directories=$socket" -c "listen_addresses=*"
