"""Everything is lost but the folder of backups, and comes back equal: database, pictures, schemas and configuration.

On a real node, with our charts and their own jobs; the servers are stand-ins, as in test_mission.py. TimescaleDB's dumps
are not verified here.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from click.testing import CliRunner
from obstore.store import S3Store
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from alpr_setup.commands import restore
from alpr_testing.cluster import REPOSITORY, SERVERS, SYSTEM, Cluster, central_values, timed
from alpr_testing.readings import picture, reading, store_all
from alpr_testing.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

HELM = REPOSITORY / "helm"
SITE, BUCKET = "harbour", "alpr-images"
SMALL = ("values-small.yaml",)
READINGS = 200
CAMERA = {"source": {"protocol": "rtsp", "url": "rtsp://camera.example.com/1"}}


@pytest.fixture
def backups(cluster: Cluster) -> Iterator[Path]:
    """The one folder that is not lost."""
    folder = cluster.folder / "backups"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def central(cluster: Cluster, backups: Path, name: str = "") -> None:
    """Chart alpr-central; with the name of a backup, that is put back."""
    told = {"enabled": True, "storage": {"hostPath": str(backups), "size": "1Gi"}}
    values = central_values(cluster.folder / "data") | {"backup": told, "restore": {"from": name}}
    cluster.install("alpr-central", HELM / "alpr-central", values, SMALL)


def the_rest(cluster: Cluster) -> None:
    cluster.install("alpr-crds", HELM / "alpr-crds")
    cluster.install("alpr-services", HELM / "alpr-services", presets=SMALL)


def writer(cluster: Cluster) -> str:
    """The storage consumer's own way into the database, from outside of the cluster."""
    told = conninfo_to_dict(cluster.secret("alpr-database-writer")["dsn"])
    authority = cluster.folder / "ca.crt"
    authority.write_text(cluster.secret("alpr-ca")["ca.crt"])
    return make_conninfo(**{**told, "hostaddr": cluster.service("database"), "sslrootcert": str(authority)})


def bucket(cluster: Cluster) -> S3Store:
    keys = cluster.secret("alpr-objectstore-root")
    return S3Store(
        BUCKET, endpoint=f"https://{cluster.service('objectstore')}:9000", access_key_id=keys["access-key"],
        secret_access_key=keys["secret-key"], region="us-east-1", client_options={"allow_invalid_certificates": True},
    )  # fmt: skip


def fill(cluster: Cluster) -> None:
    """Readings with pictures, and a site with a camera."""
    events = [reading(number, f"AB{number:02d}CDE"[:7]) for number in range(READINGS)]
    store_all(writer(cluster), events)
    with_pictures = [event.images.plate_url for event in events[:20] if event.images.plate_url]
    for number, key in enumerate(with_pictures):
        obstore.put(bucket(cluster), key, picture(f"{number:02d}"))
    values = {
        "sinks": {"config": {"KAFKA_BOOTSTRAP_SERVERS": f"kafka.{SYSTEM}.svc:9092"}}, "cameras": {"gate": CAMERA},
        "site": {"nodeClasses": [{"name": "cpu"}]},
    }  # fmt: skip
    cluster.install(SITE, HELM / "alpr-site", values)


def tables(cluster: Cluster) -> dict[str, list[str]]:
    """Each table's rows, as their number and one digest; offsets in Kafka apart, which begin anew."""
    listed = cluster.sql(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition AND relname <> 'kafka_offsets' ORDER BY 1"
    )
    digest = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} AS t"
    return {name: cluster.sql(digest.format(name))[0] for [name] in listed}


def pictures(cluster: Cluster) -> dict[str, str]:
    store = bucket(cluster)
    names = [one["path"] for one in obstore.list(store).collect()]
    return {name: hashlib.sha256(bytes(obstore.get(store, name).bytes())).hexdigest() for name in names}


def configuration(cluster: Cluster) -> dict[str, Any]:
    """What people told the system: the site's objects, and the passwords."""
    found = cluster.get("alprsite,camera,rolebinding", "-n", SITE)["items"]
    found += [cluster.get("configmap", "sinks", "-n", SITE), *cluster.get("namespace", SITE, SYSTEM)["items"]]
    told = {f"{one['kind']}/{one['metadata']['name']}": _told(one) for one in found}
    secrets = cluster.get("secrets", "-n", SYSTEM)["items"]
    return told | {one["metadata"]["name"]: one["data"] for one in secrets if one["type"] == "Opaque"}


def _told(one: dict[str, Any]) -> dict[str, Any]:
    labels = one["metadata"].get("labels", {})
    spec = {} if one["kind"] == "Namespace" else one.get("spec", {})
    return {"labels": labels, "spec": spec} | {key: one[key] for key in ("data", "subjects", "roleRef") if key in one}


def schemas(cluster: Cluster) -> dict[str, int]:
    """Ids of the schemas by subject."""
    root = f"https://{cluster.service('registry')}:8081/apis/ccompat/v7/subjects"
    with httpx.Client(verify=False) as client:  # noqa: S501 - its certificate names the Service, not its address
        subjects = client.get(root).raise_for_status().json()
        return {name: client.get(f"{root}/{name}/versions/latest").raise_for_status().json()["id"] for name in subjects}


def back_up(cluster: Cluster) -> None:
    """As somebody would by hand, before something risky."""
    cluster.kubectl("create", "job", "by-hand", "--from=cronjob/alpr-backup", "-n", SYSTEM)
    until(lambda: _ended(cluster, "by-hand"), 180, f"the backup ends: {cluster.told()}", every_s=1)
    status = cluster.get("job", "by-hand", "-n", SYSTEM)["status"]
    assert status.get("succeeded") == 1, cluster.told()


def _ended(cluster: Cluster, name: str) -> bool:
    conditions = cluster.get("job", name, "-n", SYSTEM)["status"].get("conditions", ())
    return any(one["type"] in {"Complete", "Failed"} and one["status"] == "True" for one in conditions)


def lose_everything(cluster: Cluster) -> None:
    """Releases, namespaces with their Secrets and claims, the data: all but the CRDs and the backups."""
    for release in (SITE, "alpr-services", "alpr-crds", "alpr-central"):
        cluster.helm("uninstall", release, "--namespace", SYSTEM)
    cluster.kubectl("delete", "namespace", SYSTEM, SITE, "--ignore-not-found", "--timeout=180s")
    until(lambda: not cluster.get("persistentvolumes")["items"], 60, "the volumes are gone", every_s=1)
    for server in SERVERS:
        shutil.rmtree(cluster.folder / "data" / server)


def apply(cluster: Cluster, backups: Path, *more: str) -> str:
    """`alpr restore configuration`, from this machine."""
    told = ["configuration", str(backups), "--kubeconfig", str(cluster.plane.kubeconfig), *more]
    done = CliRunner().invoke(restore, told)
    assert done.exit_code == 0, done.output
    return done.output


def test_everything_is_equal_after_the_loss_of_everything(cluster: Cluster, backups: Path) -> None:
    central(cluster, backups)
    the_rest(cluster)
    fill(cluster)
    before = tables(cluster), pictures(cluster), configuration(cluster), schemas(cluster)
    assert before[0]["plate_events"][0] == str(READINGS)
    assert len(before[1]) == 20
    assert before[3]
    began = time.monotonic()
    back_up(cluster)
    print(f"\nbacked up: {timed(began)}")
    checked = CliRunner().invoke(restore, ["check", str(backups)])
    assert checked.output.endswith(": whole\n"), checked.output
    [kept] = [path for path in backups.iterdir() if (path / "manifest.json").exists()]
    values = json.loads((kept / "manifest.json").read_text())["files"].keys() & {"values/alpr-central.yaml"}
    assert values, "the values of the release are kept"

    lose_everything(cluster)
    assert SYSTEM not in cluster.kubectl("get", "namespaces", "-o", "name")

    began = time.monotonic()
    apply(cluster, backups, "--only", "secrets")
    central(cluster, backups, "newest")
    print(f"central tier is up and restored: {timed(began)}")
    assert tables(cluster) == before[0]
    assert pictures(cluster) == before[1]
    assert schemas(cluster) == before[3]
    assert cluster.sql("SELECT count(*) FROM kafka_offsets") == [["0"]]
    the_rest(cluster)
    apply(cluster, backups)
    print(f"all of it: {timed(began)}")
    assert configuration(cluster) == before[2]
    with cluster.api() as api:
        events = api.get("/events/recent", params={"limit": 500}).raise_for_status().json()["events"]
        assert len(events) == READINGS
        with_picture = [one for one in events if one["track_id"] == "t-3"]
        shown = api.get(with_picture[0]["plate_image_url"])
        assert shown.content == picture("03")
    central(cluster, backups)  # the next upgrade, without `restore`
