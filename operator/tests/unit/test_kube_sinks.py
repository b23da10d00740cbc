"""Where a site's agents send, out of what a central tier's namespace holds."""

from __future__ import annotations

import base64

import pytest
import yaml
from click.testing import CliRunner

from alpr_operator.commands import kube
from alpr_operator.kube.errors import Refused
from alpr_operator.kube.sinks import Central, missing_login, sinks
from alpr_testing.plain_objects import PlainCluster

TLS = {
    "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SSL_CA_FILE": "/etc/ovr-alpr/ca/ca.crt", "SCHEMA_REGISTRY_URL": "https://registry:8081/apis/ccompat/v7",
    "SCHEMA_REGISTRY_CA_FILE": "/etc/ovr-alpr/ca/ca.crt", "ALPR_IMAGES_URL": "s3://alpr-images",
    "ALPR_IMAGES_ENDPOINT": "https://objectstore:9000", "ALPR_IMAGES_REGION": "us-east-1",
    "SSL_CERT_FILE": "/etc/ovr-alpr/ca/ca.crt", "DB_HOST": "database",
}  # fmt: skip


def coded(**texts: str) -> dict[str, str]:
    return {key.replace("_", "-"): base64.b64encode(text.encode()).decode() for key, text in texts.items()}


SECRETS = {
    "alpr-kafka-agents": coded(username="alpr-agents", password="hush-17"),
    "alpr-objectstore-agents": coded(access_key="a", secret_key="s", credentials="[default]\n"),
    "alpr-ca": {"ca.crt": base64.b64encode(b"PEM").decode()},
}


def test_agents_of_another_namespace_get_long_names_and_their_own_passwords() -> None:
    config, secret = sinks(Central("hub", TLS, SECRETS), "north")
    assert config["metadata"]["namespace"] == secret["metadata"]["namespace"] == "north"
    folder = "/etc/ovr-alpr/sinks"
    assert config["data"] == {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka.hub.svc:9092", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "KAFKA_SASL_USERNAME": "alpr-agents",
        "KAFKA_SASL_PASSWORD_FILE": f"{folder}/kafka-password", "KAFKA_SSL_CA_FILE": f"{folder}/ca.crt",
        "SCHEMA_REGISTRY_URL": "https://registry.hub.svc:8081/apis/ccompat/v7",
        "SCHEMA_REGISTRY_CA_FILE": f"{folder}/ca.crt", "ALPR_AGENT_IMAGES_URL": "s3://alpr-images",
        "ALPR_AGENT_IMAGES_ENDPOINT": "https://objectstore.hub.svc:9000", "ALPR_AGENT_IMAGES_REGION": "us-east-1",
        "ALPR_AGENT_IMAGES_CREDENTIALS_FILE": f"{folder}/credentials", "SSL_CERT_FILE": f"{folder}/ca.crt",
    }  # fmt: skip
    assert {key: base64.b64decode(text) for key, text in secret["data"].items()} == {
        "kafka-password": b"hush-17", "credentials": b"[default]\n", "ca.crt": b"PEM",
    }  # fmt: skip
    assert "hush" not in str(config)


def test_names_that_are_known_everywhere_stay_and_kafka_may_be_reached_from_outside() -> None:
    told = {**TLS, "KAFKA_BOOTSTRAP_SERVERS": "a.example.com:9093,b.example.com:9093"}
    config, _ = sinks(Central("hub", told, {}), "north")
    assert config["data"]["KAFKA_BOOTSTRAP_SERVERS"] == told["KAFKA_BOOTSTRAP_SERVERS"]
    numbers = {"KAFKA_BOOTSTRAP_SERVERS": "[fd00::7]:9093", "SCHEMA_REGISTRY_URL": "https://[fd00::8]:8081/x"}
    config, _ = sinks(Central("hub", {**TLS, **numbers}, {}), "north")
    assert numbers.items() <= config["data"].items()
    outside, _ = sinks(Central("hub", told, {}, kafka="edge.example.com:30094"), "north")
    assert outside["data"]["KAFKA_BOOTSTRAP_SERVERS"] == "edge.example.com:30094"


def test_without_passwords_and_an_authority_of_its_own_no_file_is_named() -> None:
    plain = {name: TLS[name] for name in ("KAFKA_BOOTSTRAP_SERVERS", "SCHEMA_REGISTRY_URL", "ALPR_IMAGES_URL")}
    config, secret = sinks(Central("hub", plain, {}), "north")
    assert not [name for name in config["data"] if name.endswith("FILE")]
    assert secret["data"] == {}


def test_a_login_that_servers_ask_for_and_nobody_made_is_said() -> None:
    assert missing_login(Central("hub", TLS, SECRETS)) == ""
    plain = {name: told for name, told in TLS.items() if name != "KAFKA_SASL_MECHANISM"}
    only_store = {"alpr-objectstore-agents": SECRETS["alpr-objectstore-agents"]}
    assert missing_login(Central("hub", plain, only_store)) == ""
    assert missing_login(Central("hub", TLS, only_store)).startswith("Secret alpr-kafka-agents in hub says no login")
    both = made("ConfigMap", "alpr-connections", TLS)
    told = CliRunner().invoke(kube, ["site", "sinks", "north"], obj=PlainCluster(None, [both]).opened)
    assert told.exit_code == 0
    assert "Note: Secret alpr-kafka-agents and Secret alpr-objectstore-agents in alpr-system says" in told.stderr


def test_a_half_made_central_tier_is_refused_by_name() -> None:
    with pytest.raises(Refused, match="lacks SCHEMA_REGISTRY_URL"):
        sinks(Central("hub", {**TLS, "SCHEMA_REGISTRY_URL": ""}, SECRETS), "north")


def made(kind: str, name: str, data: dict[str, str], namespace: str = "alpr-system") -> dict[str, object]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "data": data}


def test_the_command_prints_them_or_applies_them() -> None:
    objects = [
        made("ConfigMap", "alpr-connections", TLS),
        *(made("Secret", name, data) for name, data in SECRETS.items()),
    ]
    cluster = PlainCluster(None, objects)
    told = CliRunner().invoke(kube, ["site", "sinks", "north"], obj=cluster.opened)
    assert told.exit_code == 0, told.output
    assert [one["kind"] for one in yaml.safe_load_all(told.output)] == ["ConfigMap", "Secret"]
    assert cluster.applied == []
    CliRunner().invoke(kube, ["site", "sinks", "north", "--apply"], obj=cluster.opened)
    assert [one["metadata"]["namespace"] for one in cluster.applied] == ["north", "north"]


def test_the_command_says_where_it_looked_in_vain() -> None:
    told = CliRunner().invoke(kube, ["site", "sinks", "north", "--central", "hub"], obj=PlainCluster(None).opened)
    assert told.exit_code != 0
    assert "no ConfigMap alpr-connections in namespace hub" in told.output
