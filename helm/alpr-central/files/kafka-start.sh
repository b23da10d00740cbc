#!/bin/sh
# One broker that is its own controller. The first start formats the storage, with the users in it.
set -eu
secrets=/etc/ovr-alpr/secrets
config=/tmp/server.properties
cp /etc/ovr-alpr/kafka/server.properties "$config"
set --
if [ -e /etc/ovr-alpr/tls/tls.key ]; then
    cat /etc/ovr-alpr/tls/tls.key /etc/ovr-alpr/tls/tls.crt >/tmp/broker.pem
    chmod 600 /tmp/broker.pem
    for user in admin services agents; do
        name=$(cat "$secrets/kafka-$user/username") word=$(cat "$secrets/kafka-$user/password")
        set -- "$@" --add-scram "SCRAM-SHA-512=[name=$name,password=$word]"
    done
fi
if [ ! -e /var/lib/kafka/data/meta.properties ]; then
    /opt/kafka/bin/kafka-storage.sh format --cluster-id "$CLUSTER_ID" --config "$config" "$@"
fi
exec /opt/kafka/bin/kafka-server-start.sh "$config"
