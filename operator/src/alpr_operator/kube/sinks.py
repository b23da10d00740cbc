"""What a site's agents are told of a central tier (chart alpr-central): variables and files. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from alpr_operator.kube.errors import Refused
from alpr_operator.kube.kubectl import Object

NAME: Final = "sinks"
CONNECTIONS: Final = "alpr-connections"
SECRETS: Final = ("alpr-kafka-agents", "alpr-objectstore-agents", "alpr-ca")
_FOLDER: Final = "/etc/ovr-alpr/sinks"
_FILES: Final = {
    "kafka-password": ("alpr-kafka-agents", "password"),
    "credentials": ("alpr-objectstore-agents", "credentials"),
    "ca.crt": ("alpr-ca", "ca.crt"),
}
Data = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Central:
    """A central tier as its namespace shows it.

    Attributes:
        connections: ConfigMap alpr-connections, the services' own variables.
        secrets: the agents' Secrets that are there, by name; values in base64, as Kubernetes has them.
        kafka: host:port by which this site's nodes reach Kafka, where that is another than inside the cluster.
    """

    namespace: str
    connections: Data
    secrets: Mapping[str, Data]
    kafka: str = ""


def sinks(central: Central, namespace: str) -> list[Object]:
    """Both objects for the site in `namespace`. Raises Refused where the central tier does not say what is needed."""
    files = {
        file: central.secrets[secret][key]
        for file, (secret, key) in _FILES.items()
        if key in central.secrets.get(secret, {})
    }
    config = _config(central, files)
    meta = {"name": NAME, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "ovr-alpr"}}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": config},
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "data": files},
    ]


def missing_login(central: Central) -> str:
    """Which login the agents are asked for and get none of, as with servers of one's own; "" for none. Pure."""
    asked = {"password": "KAFKA_SASL_MECHANISM" in central.connections, "credentials": True}
    lacking = [
        secret for secret, key in _FILES.values() if asked.get(key) and key not in central.secrets.get(secret, {})
    ]
    told = " and ".join(f"Secret {secret}" for secret in lacking)
    return told and f"{told} in {central.namespace} says no login, so agents have none; make it, then run this again"


def _config(central: Central, files: Data) -> dict[str, str]:
    told = central.connections
    missing = [
        name for name in ("KAFKA_BOOTSTRAP_SERVERS", "SCHEMA_REGISTRY_URL", "ALPR_IMAGES_URL") if not told.get(name)
    ]
    if missing:
        raise Refused(
            f"ConfigMap {CONNECTIONS} in {central.namespace} lacks {', '.join(missing)}; is alpr-central there?"
        )
    found = {
        "KAFKA_BOOTSTRAP_SERVERS": central.kafka or _long(told["KAFKA_BOOTSTRAP_SERVERS"], central.namespace),
        "SCHEMA_REGISTRY_URL": _long_url(told["SCHEMA_REGISTRY_URL"], central.namespace),
        "ALPR_AGENT_IMAGES_URL": told["ALPR_IMAGES_URL"],
    }
    found |= {name: told[name] for name in ("KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_MECHANISM") if name in told}
    if "ALPR_IMAGES_ENDPOINT" in told:
        found["ALPR_AGENT_IMAGES_ENDPOINT"] = _long_url(told["ALPR_IMAGES_ENDPOINT"], central.namespace)
    if "ALPR_IMAGES_REGION" in told:
        found["ALPR_AGENT_IMAGES_REGION"] = told["ALPR_IMAGES_REGION"]
    if "kafka-password" in files:
        found["KAFKA_SASL_USERNAME"] = _plain(central.secrets["alpr-kafka-agents"].get("username", ""))
        found["KAFKA_SASL_PASSWORD_FILE"] = f"{_FOLDER}/kafka-password"
    if "credentials" in files:
        found["ALPR_AGENT_IMAGES_CREDENTIALS_FILE"] = f"{_FOLDER}/credentials"
    trusted = ("KAFKA_SSL_CA_FILE", "SCHEMA_REGISTRY_CA_FILE", "SSL_CERT_FILE")
    return found | {name: f"{_FOLDER}/ca.crt" for name in trusted if name in told and "ca.crt" in files}


def _plain(text: str) -> str:
    return base64.b64decode(text).decode()


def _long(servers: str, namespace: str) -> str:
    """Names of Services as other namespaces call them; names with a dot are known everywhere already."""
    return ",".join(_long_place(place, namespace) for place in servers.split(","))


def _long_place(place: str, namespace: str) -> str:
    host, colon, port = place.partition(":")
    return place if "." in host or host.startswith("[") else f"{host}.{namespace}.svc{colon}{port}"


def _long_url(url: str, namespace: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=_long_place(parts.netloc, namespace)).geturl()
