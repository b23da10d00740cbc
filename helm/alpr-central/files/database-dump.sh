#!/bin/sh
# One dump of the database, and beside it how many rows each table had in the very snapshot that was dumped. Takes the folder of
# backups and the file that hands the name on; the owner's Secret is mounted, and its dsn says where.
set -eu
umask 077
folder=$1 handed=$2
secret=/etc/ovr-alpr/secrets/owner
# The password by the environment: an argument can be read by whoever lists processes.
PGPASSWORD=$(cat "$secret/password")
DSN=$(sed -E -e 's#^([a-z]*://[^:@/]*):[^@]*@#\1@#' -e 's#([?&])password=[^&]*&?#\1#' \
    -e "s#(^| )password *= *'([^'\\\\]|\\\\.)*'#\1#" -e 's#(^| )password *= *[^ ]*#\1#' "$secret/dsn")
export PGPASSWORD DSN PGCONNECT_TIMEOUT=10

# What a run left that was killed: nothing takes half a day.
find "$folder" -maxdepth 1 -name '*.part' -mmin +720 -exec rm -rf {} +
moment() { date -u +%Y-%m-%dT%H-%M-%SZ; }
name=$(moment)
while [ -e "$folder/$name" ] || [ -e "$folder/$name.part" ]; do
    sleep 1
    name=$(moment)
done
PART=$folder/$name.part
export PART
mkdir "$PART"
trap 'rm -rf "$PART"' EXIT

psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname "$DSN" <<'SQL'
SET idle_in_transaction_session_timeout = 0;
SET statement_timeout = 0;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv SNAPSHOT :snapshot
\! pg_dump --dbname="$DSN" --format=custom --no-comments --snapshot="$SNAPSHOT" --file="$PART/database.dump" && : > "$PART/dumped"
\pset fieldsep '\t'
\o | cat > "$PART/database.tsv"
SELECT 'version', current_setting('server_version');
SELECT 'extension', extname, extversion FROM pg_extension ORDER BY extname;
SELECT format('SELECT %L, %L, count(*) FROM %I.%I', 'table', c.relname, n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname
\gexec
\o
COMMIT;
SQL
[ -e "$PART/dumped" ] || { echo "pg_dump failed: this backup is none, those before stay" >&2; exit 1; }
rm "$PART/dumped"
printf '%s' "$name" > "$handed"
trap - EXIT
echo "$name: dumped, $(wc -c < "$PART/database.dump") bytes"
