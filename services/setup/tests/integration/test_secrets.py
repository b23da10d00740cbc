"""`alpr-setup secrets` on a real API server: made once, kept over upgrades, others' left alone."""

import base64
import json

import pytest
import yaml
from click.testing import CliRunner

from alpr_setup.__main__ import program

pytestmark = pytest.mark.integration
PLAN = {
    "secrets": {
        "alpr-kafka-services": {"kind": "password", "username": "services"},
        "alpr-database-writer": {"kind": "database", "username": "writer", "host": "database", "database": "alpr"},
        "alpr-api-key": {"kind": "apiKey"},
        "alpr-ca-key": {"kind": "authority", "public": "alpr-ca"},
        "alpr-kafka-tls": {"kind": "certificate", "hosts": ["kafka"]},
    }
}


@pytest.fixture
def space(control_plane, request):
    name = f"setup-{abs(hash(request.node.name)) % 10**8}"
    control_plane.kubectl("create", "namespace", name)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def call(control_plane, space, tmp_path):
    def run(action, *more, plan=PLAN):
        path = tmp_path / "plan.yaml"
        path.write_text(yaml.safe_dump(plan))
        argument = [str(path)] if action == "ensure" else ["--yes"]
        where = ["--namespace", space, "--kubeconfig", str(control_plane.kubeconfig)]
        return CliRunner().invoke(program, ["secrets", action, *argument, *where, *more])

    return run


@pytest.fixture
def secrets(control_plane, space):
    def read():
        found = json.loads(control_plane.kubectl("get", "secrets", "-n", space, "-o", "json"))["items"]
        return {one["metadata"]["name"]: one["data"] for one in found}

    return read


def test_secrets_are_made_once_and_stay_over_every_later_run(call, secrets):
    first = call("ensure")
    assert first.exit_code == 0, first.output
    made = secrets()
    assert made.keys() == {*PLAN["secrets"], "alpr-ca"}
    assert call("ensure").output == "All Secrets are there.\n"
    assert secrets() == made
    for data in made.values():
        for value in (value for key, value in data.items() if key != "username"):
            assert base64.b64decode(value).decode() not in first.output


def test_a_deleted_secret_comes_back_with_another_password_and_the_rest_stays(call, control_plane, space, secrets):
    call("ensure")
    before = secrets()
    control_plane.kubectl("delete", "secret", "alpr-database-writer", "-n", space)
    assert "alpr-database-writer: made" in call("ensure").output
    after = secrets()
    assert after.pop("alpr-database-writer") != before.pop("alpr-database-writer")
    assert after == before


def test_a_secret_of_somebody_else_is_used_and_never_written(call, control_plane, space, secrets):
    told = ["--from-literal=username=services", "--from-literal=password=theirs"]
    control_plane.kubectl("create", "secret", "generic", "alpr-kafka-services", "-n", space, *told)
    assert call("ensure").exit_code == 0
    assert base64.b64decode(secrets()["alpr-kafka-services"]["password"]) == b"theirs"
    assert call("delete").exit_code == 0
    assert secrets().keys() == {"alpr-kafka-services"}


def test_a_secret_that_lacks_a_key_stops_it_before_anything_is_made(call, control_plane, space, secrets):
    control_plane.kubectl("create", "secret", "generic", "alpr-api-key", "-n", space, "--from-literal=token=x")
    failed = call("ensure")
    assert failed.exit_code == 1
    assert "Secret alpr-api-key lacks key" in failed.output
    assert secrets().keys() == {"alpr-api-key"}


def test_a_new_name_of_a_server_renews_its_certificate_alone(call, secrets):
    call("ensure")
    before = secrets()
    plan = {"secrets": {**PLAN["secrets"], "alpr-kafka-tls": {"kind": "certificate", "hosts": ["kafka", "kafka.far"]}}}
    assert "alpr-kafka-tls: renewed" in call("ensure", plan=plan).output
    changed = {name for name, data in secrets().items() if data != before[name]}
    assert changed == {"alpr-kafka-tls"}
