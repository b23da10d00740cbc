#!/bin/bash
# One node. With TLS, its users are those of our Secrets; the first start puts them into the index of the security plugin.
set -eu
home=/usr/share/opensearch
if [ -e /etc/ovr-alpr/tls/tls.key ]; then
    security=$home/config/opensearch-security
    hashed() { # FOLDER: the password's hash; by the environment, as arguments can be listed
        WORD=$(cat "/etc/ovr-alpr/secrets/opensearch-$1/password") "$home/plugins/opensearch-security/tools/hash.sh" -env WORD | tail -1
    }
    cp /etc/ovr-alpr/opensearch/roles.yml /etc/ovr-alpr/opensearch/roles_mapping.yml "$security/"
    {
        printf '_meta: {type: internalusers, config_version: 2}\n'
        printf 'admin: {hash: "%s", reserved: true, backend_roles: [admin]}\n' "$(hashed admin)"
        printf 'alpr-indexer: {hash: "%s", reserved: false}\n' "$(hashed indexer)"
    } >"$security/internal_users.yml"
fi
exec "$home/opensearch-docker-entrypoint.sh" opensearch
