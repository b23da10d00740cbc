"""What values of the central tier's charts become: addresses, variables, Secrets, steps; and which are refused, by name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from alpr_images.settings import ImagesSettings
from alpr_kafka.database import DatabaseSettings
from alpr_kafka.settings import ConsumerSettings, KafkaSettings, RegistrySettings
from alpr_kafka.topics import ALL
from alpr_search_indexer.settings import OpenSearchSettings
from alpr_setup.plan import Plan, read_plan

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]


def one(found: list[Manifest], kind: str, name: str) -> Manifest:
    return next(each for each in found if each["kind"] == kind and each["metadata"]["name"] == name)


def case_of(texts: dict[str, str], name: str) -> list[Manifest]:
    return [found for found in yaml.safe_load_all(texts[name]) if found]


def pod(found: list[Manifest], kind: str, name: str) -> Manifest:
    spec: Manifest = one(found, kind, name)["spec"]["template"]["spec"]
    return spec


# --- refusals

CENTRAL = [
    ({"kafka": {"mode": "embedded"}}, "'/kafka/mode'"),
    ({"kafka": {"mode": "external"}}, "'/kafka/external/bootstrapServers': minLength"),
    ({"kafka": {"external": {"bootstrapServers": "a:9092"}}}, "'/kafka/external/bootstrapServers': value must be ''"),
    ({"kafka": {"mode": "operator", "external": {"bootstrapServers": "a:9092"}}}, "'/kafka/external/bootstrapServers'"),
    (
        {"kafka": {"mode": "external", "external": {"bootstrapServers": "no port"}}},
        "'/kafka/external/bootstrapServers'",
    ),
    ({"kafka": {"bundled": {"clusterId": "-short"}}}, "'/kafka/bundled/clusterId'"),
    ({"kafka": {"bundled": {"heap": "much"}}}, "'/kafka/bundled/heap'"),
    ({"kafka": {"bundled": {"runAsUser": 0}}}, "'/kafka/bundled/runAsUser': minimum: got 0, want 1"),
    ({"kafka": {"bundled": {"storage": {"size": "10"}}}}, "'/kafka/bundled/storage/size'"),
    ({"kafka": {"bundled": {"storage": {"hostPath": "data"}}}}, "'/kafka/bundled/storage/hostPath'"),
    ({"kafka": {"bundled": {"storage": {"hostPath": "/data/../etc"}}}}, "'/kafka/bundled/storage/hostPath'"),
    ({"kafka": {"bundled": {"external": {"enabled": True}}}}, "kafka.bundled.external.host: by which name"),
    ({"kafka": {"operator": {"replicas": 0}}}, "'/kafka/operator/replicas'"),
    (
        {"kafka": {"external": {"password": "hunter2"}}},
        "'/kafka/external': additional properties 'password' not allowed",
    ),
    ({"registry": {"mode": "operator"}}, "'/registry/mode': value must be one of 'bundled', 'external'"),
    ({"registry": {"mode": "external", "external": {"url": "registry:8081"}}}, "'/registry/external/url'"),
    ({"registry": {"mode": "external", "external": {"url": "http://jo:hunter2@r"}}}, "'/registry/external/url'"),
    ({"database": {"external": {"host": "db"}}}, "'/database/external/host': value must be ''"),
    ({"database": {"name": "alpr-db"}}, "'/database/name'"),
    ({"database": {"bundled": {"config": {"ssl": "off"}}}}, "invalid propertyName 'ssl'"),
    ({"database": {"operator": {"major": 13}}}, "'/database/operator/major': minimum: got 13, want 15"),
    ({"database": {"operator": {"instances": "three"}}}, "'/database/operator/instances': got string, want integer"),
    ({"search": {"operator": {"replicas": 1}}}, "'/search/operator/replicas': minimum: got 1, want 3"),
    ({"search": {"mode": "external", "external": {"hosts": "http://jo:hunter2@a:9200"}}}, "'/search/external/hosts'"),
    ({"objectStore": {"bucket": "No"}}, "'/objectStore/bucket'"),
    ({"objectStore": {"external": {"endpoint": "https://s3"}}}, "'/objectStore/external/endpoint': value must be ''"),
    ({"objectStore": {"keepDays": -1}}, "'/objectStore/keepDays'"),
    ({"models": {"upload": {"claim": "m", "hostPath": "/srv/m"}}}, "models.upload: claim and hostPath are two places"),
    ({"models": {"upload": {"hostPath": "srv/m"}}}, "'/models/upload/hostPath'"),
    (
        {"models": {"upload": {"claim": "m"}}, "objectStore": {"mode": "external"}},
        "models.upload: the object store is yours",
    ),
    ({"secrets": {"renew": "weekly"}}, "'/secrets/renew'"),
    ({"networkPolicy": {"edgeCidrs": ["everywhere"]}}, "'/networkPolicy/edgeCidrs/0'"),
    ({"backup": {"schedule": "nightly"}}, "'/backup/schedule'"),
    ({"backup": {"keep": 0}}, "'/backup/keep': minimum: got 0, want 1"),
    ({"backup": {"storage": {"hostPath": "/srv/../etc"}}}, "'/backup/storage/hostPath'"),
    ({"backup": {"password": "hunter2"}}, "'/backup': additional properties 'password' not allowed"),
    (
        {"backup": {"enabled": True, "storage": {"hostPath": "/srv/b", "claim": "b"}}},
        "backup.storage: claim and hostPath are two places",
    ),
    (
        {"backup": {"enabled": True}, "database": {"mode": "external", "external": {"host": "db"}}},
        "backup.postgresImage: the database is yours",
    ),
    ({"restore": {"from": "yesterday"}}, "'/restore/from'"),
    ({"database": {"operator": {"backup": {"destination": "/srv/b"}}}}, "'/database/operator/backup/destination'"),
    ({"database": {"operator": {"backup": {"schedule": "37 1 * * *"}}}}, "'/database/operator/backup/schedule'"),
    (
        {"database": {"mode": "operator", "operator": {"backup": {"destination": "s3://b"}}}},
        "database.operator.backup: name the Secret",
    ),
    (
        {"database": {"mode": "operator", "operator": {"backup": {"secret": "b"}}}},
        "database.operator.backup: endpoint and secret are told, and no destination",
    ),
    ({"tls": {"enabled": "yes"}}, "'/tls/enabled': got string, want boolean"),
    ({"tsl": {"enabled": True}}, "additional properties 'tsl' not allowed"),
]
SERVICES = [
    ({"replicas": 3}, "additional properties 'replicas' not allowed"),
    ({"queryApi": {"replicas": -1}}, "'/queryApi/replicas'"),
    ({"queryApi": {"image": {"digest": "latest"}}}, "'/queryApi/image/digest'"),
    ({"queryApi": {"config": {"statement timeout": 5}}}, "invalid propertyName 'statement timeout'"),
    ({"queryApi": {"allowedHosts": ["https://a.example.com"]}}, "'/queryApi/allowedHosts/0'"),
    ({"queryApi": {"ingress": {"enabled": True}}}, "queryApi.ingress.hosts: name at least one"),
    ({"queryApi": {"httpRoute": {"enabled": True}}}, "queryApi.httpRoute.parentRefs: name the Gateway"),
    ({"queryApi": {"autoscaling": {"enabled": True, "minReplicas": 9}}}, "queryApi.autoscaling.maxReplicas: 6 is less"),
    ({"queryApi": {"service": {"type": "External"}}}, "'/queryApi/service/type'"),
    ({"metricsConsumer": {"replicas": 2}}, "'/metricsConsumer/replicas': maximum: got 2, want 1"),
    ({"storageConsumer": {"keda": {"minReplicas": 0}}}, "'/storageConsumer/keda/minReplicas'"),
    ({"keda": {"sasl": "gssapi"}}, "'/keda/sasl'"),
    ({"connections": {"secrets": {"kafka": "Not A Name"}}}, "'/connections/secrets/kafka'"),
    ({"connections": {"password": "hunter2"}}, "'/connections': additional properties 'password' not allowed"),
    ({"prepare": {"migrations": {"readerRole": "x; DROP"}}}, "'/prepare/migrations/readerRole'"),
    ({"prepare": {"migrations": {"engine": "mysql"}}}, "'/prepare/migrations/engine'"),
    ({"prepare": {"topics": {"copies": 0}}}, "'/prepare/topics/copies'"),
    ({"networkPolicy": {"servers": {"kafka": {"ports": []}}}}, "'/networkPolicy/servers/kafka/ports'"),
    ({"metrics": {"serviceMonitor": {"interval": "often"}}}, "'/metrics/serviceMonitor/interval'"),
    ({"storageConsumer": {"resources": {"limit": {}}}}, "additional properties 'limit' not allowed"),
]


@pytest.mark.parametrize(
    ("chart", "values", "said"),
    [
        *(("alpr-central", *each) for each in CENTRAL),
        *(("alpr-services", *each) for each in SERVICES),
        ("alpr-crds", {"crds": {"enable": True}}, "'/crds': additional properties 'enable' not allowed"),
    ],
)
def test_29_bad_values_are_refused_by_name(
    helm: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, chart: str, values: Manifest, said: str
) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(values))
    done = helm("template", "alpr", f"helm/{chart}", "--values", str(path))
    assert done.returncode != 0
    assert said in done.stderr
    assert not done.stdout


# --- addresses


def variables(settings: type) -> set[str]:
    """The variables that a model of settings reads."""
    prefix = settings.model_config.get("env_prefix", "")  # type: ignore[attr-defined]
    found: set[str] = set()
    for name, field in settings.model_fields.items():  # type: ignore[attr-defined]
        alias = field.validation_alias
        if alias is None or callable(alias):
            found.add(f"{prefix}{name}".upper())
        else:
            found |= {str(one) for one in getattr(alias, "choices", [alias])}
    return found


def test_connections_are_variables_that_services_read(texts: dict[str, str]) -> None:
    read = {"SSL_CERT_FILE"} | {f"KAFKA_{name}".upper() for name in KafkaSettings.model_fields}
    read |= {f"SCHEMA_REGISTRY_{name}".upper() for name in RegistrySettings.model_fields}
    read |= variables(OpenSearchSettings) | variables(ImagesSettings) | variables(DatabaseSettings)
    for name, text in texts.items():
        if name.startswith("central"):
            data = one([each for each in yaml.safe_load_all(text) if each], "ConfigMap", "alpr-connections")["data"]
            assert data.keys() <= read, name
            assert all(isinstance(value, str) and value for value in data.values()), name


def test_addresses_follow_each_servers_mode(texts: dict[str, str]) -> None:
    def told(case: str) -> dict[str, str]:
        return dict(one(case_of(texts, case), "ConfigMap", "alpr-connections")["data"])

    bundled, plain, outside = told("central"), told("central-one-machine"), told("central-external")
    assert (bundled["KAFKA_BOOTSTRAP_SERVERS"], bundled["KAFKA_SECURITY_PROTOCOL"]) == ("kafka:9092", "SASL_SSL")
    assert bundled["SCHEMA_REGISTRY_URL"] == "https://registry:8081/apis/ccompat/v7"
    assert (plain["KAFKA_SECURITY_PROTOCOL"], plain["OPENSEARCH_HOSTS"]) == ("PLAINTEXT", "http://opensearch:9200")
    assert not [name for name in plain if name.endswith("CA_FILE") or "SASL" in name or name == "SSL_CERT_FILE"]
    assert told("central-kafka-operator")["KAFKA_BOOTSTRAP_SERVERS"] == "alpr-kafka-bootstrap:9092"
    assert told("central-database-operator")["DB_HOST"] == "alpr-database-rw"
    assert told("central-search-operator")["OPENSEARCH_HOSTS"] == "https://alpr-search:9200"
    assert (outside["DB_HOST"], outside["DB_PORT"]) == ("db.example.com", "6432")
    assert outside["ALPR_IMAGES_ENDPOINT"] == "https://s3.example.com"
    assert "KAFKA_SSL_CA_FILE" not in outside


def test_settings_take_what_the_charts_give(
    texts: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in one(case_of(texts, "central"), "ConfigMap", "alpr-connections")["data"].items():
        monkeypatch.setenv(name, value)
    password = tmp_path / "password"
    password.write_text("word")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "alpr-services")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD_FILE", str(password))
    assert KafkaSettings().client()["sasl.mechanisms"] == "SCRAM-SHA-512"
    assert RegistrySettings().ca_file == Path("/etc/ovr-alpr/ca/ca.crt")
    assert OpenSearchSettings().hosts == ("https://opensearch:9200",)
    assert (ImagesSettings().url, ImagesSettings().endpoint) == ("s3://alpr-images", "https://objectstore:9000")  # type: ignore[call-arg]
    assert DatabaseSettings().host == "database"


CONSUMERS = {"storage-consumer": 8002, "search-indexer": 8004, "dlq-consumer": 8005, "metrics-consumer": 8006}


def test_groups_and_ports_are_the_services_own(texts: dict[str, str]) -> None:
    from alpr_dlq_consumer.settings import LettersSettings
    from alpr_metrics_consumer.settings import MetricsSettings
    from alpr_search_indexer.settings import IndexerSettings
    from alpr_storage_consumer.settings import StorageSettings

    models: dict[str, type[ConsumerSettings]] = {
        "storage-consumer": StorageSettings, "search-indexer": IndexerSettings,
        "dlq-consumer": LettersSettings, "metrics-consumer": MetricsSettings,
    }  # fmt: skip
    found = case_of(texts, "services")
    for name, model in models.items():
        container = pod(found, "StatefulSet", name)["containers"][0]
        env = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert env["KAFKA_GROUP_ID"] == model.model_fields["group_id"].default
        assert int(env["METRICS_PORT"]) == model.model_fields["metrics_port"].default == CONSUMERS[name]
        assert container["ports"][0]["containerPort"] == CONSUMERS[name]
        identity = next(variable for variable in container["env"] if variable["name"] == "KAFKA_INSTANCE_ID")
        assert identity["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


# --- Secrets


def plan_of(found: list[Manifest], path: Path, name: str = "alpr-secrets-first") -> Plan:
    path.write_text(one(found, "ConfigMap", name)["data"]["plan.yaml"])
    return read_plan(path)


def test_every_plan_is_one_that_alpr_setup_takes(texts: dict[str, str], tmp_path: Path) -> None:
    for name, text in texts.items():
        found = [each for each in yaml.safe_load_all(text) if each]
        if name.startswith("central") and any("plan.yaml" in (each.get("data") or {}) for each in found):
            plan = plan_of(found, tmp_path / "plan.yaml")
            assert plan == plan_of(found, tmp_path / "plan.yaml", "alpr-secrets")
            rights = one(found, "Role", "alpr-secrets-first")["rules"]
            assert rights[0] == {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}
            assert set(rights[1]["resourceNames"]) == plan.secrets.keys() | {"alpr-ca"}


def test_certificates_bear_the_names_by_which_servers_are_called(texts: dict[str, str], tmp_path: Path) -> None:
    for case in ("central", "central-medium"):
        found = case_of(texts, case)
        plan = plan_of(found, tmp_path / "plan.yaml")
        names = {host for secret in plan.secrets.values() for host in getattr(secret, "hosts", ())}
        told = one(found, "ConfigMap", "alpr-connections")["data"]
        hosts = [told["DB_HOST"], told["KAFKA_BOOTSTRAP_SERVERS"]]
        hosts += [told[name] for name in ("SCHEMA_REGISTRY_URL", "OPENSEARCH_HOSTS", "ALPR_IMAGES_ENDPOINT")]
        assert {re.sub(r"^\w+://|:\d+.*$", "", host) for host in hosts} <= names


def test_secrets_that_services_read_are_planned_with_their_keys(texts: dict[str, str], tmp_path: Path) -> None:
    from alpr_setup.contents import keys_of

    plan = plan_of(case_of(texts, "central"), tmp_path / "plan.yaml")
    keys = {name: set(keys_of(wanted)) for name, wanted in plan.secrets.items()} | {"alpr-ca": {"ca.crt"}}
    text = yaml.safe_dump_all(case_of(texts, "services"))
    read = [(name, key) for key, name in re.findall(r"secretKeyRef:\s+key: (\S+)\s+name: (\S+)", text)]
    assert {"alpr-database-owner", "alpr-database-writer", "alpr-database-reader"} <= {name for name, _ in read}
    assert all(key in keys[name] for name, key in read)
    read_files = {
        "alpr-kafka-services": "password", "alpr-objectstore-services": "credentials", "alpr-query-api-key": "key",
    }  # fmt: skip
    assert all(key in keys[name] for name, key in read_files.items())


def test_nothing_of_ones_own_is_made(texts: dict[str, str], tmp_path: Path) -> None:
    external = case_of(texts, "central-kafka-external")
    assert not [name for name in plan_of(external, tmp_path / "p.yaml").secrets if name.startswith("alpr-kafka")]
    assert {each["kind"] for each in case_of(texts, "central-external")} == {"ConfigMap", "NetworkPolicy"}


# --- servers


def test_every_server_is_made_once(texts: dict[str, str]) -> None:
    """Of the three modes the one alone: no StatefulSet beside an operator's resource."""
    kinds = {"kafka": "Kafka", "database": "Cluster", "search": "OpenSearchCluster"}
    parts = {"kafka": "kafka", "database": "database", "search": "opensearch"}
    for name, text in texts.items():
        if not name.startswith("central"):
            continue
        found = [each for each in yaml.safe_load_all(text) if each]
        sets = {each["metadata"]["name"] for each in found if each["kind"] == "StatefulSet"}
        operated = {each["kind"] for each in found}
        for server, kind in kinds.items():
            assert not (kind in operated and parts[server] in sets), name


def test_topics_of_strimzi_are_ours(texts: dict[str, str]) -> None:
    made = {
        each["metadata"]["name"]: each["spec"]
        for each in case_of(texts, "central-medium")
        if each["kind"] == "KafkaTopic"
    }
    assert made == {
        topic.name: {"partitions": topic.partitions, "replicas": 3, "config": topic.config} for topic in ALL
    }


def test_a_folder_of_the_node_is_bound_to_its_servers_claim(texts: dict[str, str]) -> None:
    found = case_of(texts, "central-one-machine")
    volumes = [
        each
        for each in found
        if each["kind"] == "PersistentVolume" and each["spec"]["claimRef"]["name"].startswith("data-")
    ]
    assert len(volumes) == 3
    for volume in volumes:
        spec = volume["spec"]
        name = spec["claimRef"]["name"].removeprefix("data-").removesuffix("-0")
        claim = one(found, "StatefulSet", name)["spec"]["volumeClaimTemplates"][0]["spec"]
        assert claim["volumeName"] == volume["metadata"]["name"]
        assert claim["storageClassName"] == spec["storageClassName"] == ""
        assert spec["persistentVolumeReclaimPolicy"] == "Retain"
        assert "hostPath" not in spec


def test_data_stays_unless_told(texts: dict[str, str]) -> None:
    for each in case_of(texts, "central"):
        if each["kind"] == "StatefulSet":
            assert each["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Retain"


def test_scripts_are_shell(texts: dict[str, str], tmp_path: Path) -> None:
    for path in (REPOSITORY / "helm" / "alpr-central" / "files").glob("*.sh"):
        shell = path.read_text().splitlines()[0].removeprefix("#!")
        assert subprocess.run([shell, "-n", str(path)], capture_output=True, check=False).returncode == 0, path.name


# --- steps


def test_commands_of_steps_are_commands_of_the_programs(texts: dict[str, str]) -> None:
    from alpr_query_api.__main__ import program as api
    from alpr_setup.__main__ import program as setup
    from alpr_storage_consumer.__main__ import program as storage

    programs = {"setup": setup, "query-api": api, "storage-consumer": storage}
    tried = set()
    for text in texts.values():
        for each in (found for found in yaml.safe_load_all(text) if found and found["kind"] in ("Job", "CronJob")):
            spec = each["spec"]["jobTemplate"]["spec"] if each["kind"] == "CronJob" else each["spec"]
            steps = spec["template"]["spec"]
            for container in [*steps.get("initContainers", []), *steps["containers"]]:
                if "command" in container:
                    assert container["command"][1].startswith("/etc/ovr-alpr/backup/"), container["name"]
                    continue
                program = programs[container["image"].rpartition("/")[2].partition(":")[0]]
                told = CliRunner().invoke(program, [*container["args"], "--help"])
                assert told.exit_code == 0, (container["args"], told.output)
                for flag in (word for word in container["args"] if word.startswith("--")):
                    assert flag in told.output, flag
                tried.add(container["args"][0])
    assert tried == {"migrate", "keys", "topics", "schemas", "secrets", "wait", "bucket", "models", "backup", "restore"}


def test_topics_and_migrations_come_before_services(texts: dict[str, str]) -> None:
    steps = {
        each["metadata"]["name"]: each["metadata"]["annotations"]
        for each in case_of(texts, "services")
        if each["kind"] == "Job"
    }
    assert set(steps) == {"alpr-migrate", "alpr-topics", "alpr-api-key"}
    assert {notes["helm.sh/hook"] for notes in steps.values()} == {"pre-install,pre-upgrade"}
    assert int(steps["alpr-api-key"]["helm.sh/hook-weight"]) > int(steps["alpr-migrate"]["helm.sh/hook-weight"])


def test_only_the_migrations_own_the_tables(texts: dict[str, str]) -> None:
    roles = {}
    for each in case_of(texts, "services-everything"):
        if each["kind"] in ("Deployment", "StatefulSet", "Job"):
            roles[each["metadata"]["name"]] = set(re.findall(r"alpr-database-(\w+)", yaml.safe_dump(each)))
    assert roles == {
        "query-api": {"reader"}, "search-indexer": {"reader"}, "storage-consumer": {"writer"}, "dlq-consumer": {"writer"},
        "metrics-consumer": set(), "alpr-topics": set(), "alpr-migrate": {"owner"}, "alpr-api-key": {"owner"},
    }  # fmt: skip


def test_each_part_reaches_its_servers_and_no_others(texts: dict[str, str]) -> None:
    ports: dict[str, set[int]] = {}
    for each in case_of(texts, "services"):
        if each["kind"] == "NetworkPolicy":
            rules = each["spec"].get("egress", [])
            ports[each["metadata"]["name"]] = {port["port"] for rule in rules for port in rule["ports"]} - {53}
    assert ports == {
        "alpr-services-default-deny": set(),
        "query-api": {5432, 9000},
        "storage-consumer": {9092, 8081, 5432},
        "search-indexer": {9092, 8081, 9200, 5432, 9000},
        "dlq-consumer": {9092, 8081, 5432},
        "metrics-consumer": {9092, 8081},
        "alpr-migrate": {5432},
        "alpr-api-key": {5432},
        "alpr-topics": {9092, 8081},
        "query-api-test": {8000},
    }


def test_scaling_takes_the_replicas_out_of_our_hands(texts: dict[str, str]) -> None:
    found = case_of(texts, "services-everything")
    assert "replicas" not in one(found, "StatefulSet", "storage-consumer")["spec"]
    assert "replicas" not in one(found, "Deployment", "query-api")["spec"]
    assert one(found, "StatefulSet", "dlq-consumer")["spec"]["replicas"] == 1
    scaled = one(found, "ScaledObject", "storage-consumer")["spec"]
    assert scaled["triggers"][0]["metadata"]["consumerGroup"] == "alpr-storage-consumer"
    assert scaled["scaleTargetRef"] == {"kind": "StatefulSet", "name": "storage-consumer"}


def test_a_services_own_placement_wins(texts: dict[str, str]) -> None:
    found = case_of(texts, "services-everything")
    assert pod(found, "Deployment", "query-api")["nodeSelector"] == {"disk": "any"}
    assert pod(found, "Job", "alpr-migrate")["nodeSelector"] == {"disk": "ssd"}
    images = re.findall(r"image: (\S+)", texts["services-everything"])
    assert images
    assert all(image.startswith("registry.example.com/mirror/ovr-alpr/") for image in images)
