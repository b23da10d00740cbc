#!/bin/sh
# The first start of the bundled database: its image runs this as the superuser, on the socket of the pod.
set -eu
secrets=/etc/ovr-alpr/secrets
run() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" "$@"; }
run --dbname "$POSTGRES_DB" --file /etc/ovr-alpr/database/roles.sql
run --dbname "$POSTGRES_DB" --file /etc/ovr-alpr/database/extensions.sql
for role in owner writer reader; do
    # Passwords go in by a pipe: an argument can be read by whoever lists processes.
    { printf '\\set word `cat %s/database-%s/password`\n' "$secrets" "$role"
      printf "ALTER ROLE alpr_%s PASSWORD :'word';\n" "$role"; } | run --dbname "$POSTGRES_DB" --file -
done
run --dbname "$POSTGRES_DB" --command "ALTER DATABASE \"$POSTGRES_DB\" OWNER TO alpr_owner"
