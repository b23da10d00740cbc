import stat
from datetime import UTC, datetime

import pytest

from alpr_edge_agent.agent.credentials import CredentialKeeper
from alpr_edge_agent.agent.intake import Intake
from alpr_edge_agent.agent.node_key import node_key
from alpr_edge_agent.agent.report import NodeFacts, report_of
from alpr_edge_agent.assignment import read_assignment
from alpr_edge_agent.errors import NodeKeyUnusable
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.pipeline.orders import read_logins
from alpr_edge_agent.pipeline.status import CameraHealth, PipelineStatus
from alpr_edge_agent.sources import Login
from alpr_sealing import key_id as id_of
from alpr_sealing import new_private_key, public_key, seal

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    return EdgeFolder(tmp_path)


@pytest.fixture
def key(folder):
    return node_key(folder.node_key)


@pytest.fixture
def intake(folder, key):
    return Intake(folder, CredentialKeeper(folder, key))


def sealed(public, password, **more):
    box = seal(public, {"username": "cam", "password": password, **more})
    return {"keyId": id_of(public), "secretVersion": "1", "box": box}


def camera(name, credential=None, url="rtsp://192.0.2.1/x", secret=None):
    source = {"protocol": "rtsp", "url": url}
    if secret:
        source["credentialsSecretRef"] = {"name": secret}
    return {"name": name, "config": {"source": source}, **({"sealedCredential": credential} if credential else {})}


def assignment(*cameras, revision=1):
    spec = {"nodeName": "n1", "site": "s1", "revision": revision, "cameras": list(cameras)}
    return {"metadata": {"name": "n1"}, "spec": spec}


def logins(folder):
    return {name: login.password for name, login in read_logins(folder.credentials).items()}


def test_the_key_is_made_once_and_only_its_user_reads_it(folder):
    first = node_key(folder.node_key)
    assert node_key(folder.node_key).public == first.public
    assert stat.S_IMODE(folder.node_key.stat().st_mode) == 0o600
    assert repr(first.private) not in repr(first)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_broken_key_is_not_replaced(folder, content):
    folder.node_key.write_bytes(content)
    with pytest.raises(NodeKeyUnusable, match="32 bytes"):
        node_key(folder.node_key)
    assert folder.node_key.read_bytes() == content


def test_a_sealed_password_reaches_its_own_file_alone(folder, intake, key):
    intake.take(assignment(camera("gate", sealed(key.public, "s3cret-words"))))
    assert logins(folder) == {"gate": "s3cret-words"}
    assert stat.S_IMODE(folder.credentials.stat().st_mode) == 0o600
    told = [p.name for p in folder.root.iterdir() if b"s3cret-words" in p.read_bytes()]
    assert told == [folder.credentials.name]


def test_a_rotation_changes_one_login(folder, intake, key):
    one, two = camera("one", sealed(key.public, "a")), camera("two", sealed(key.public, "b"))
    intake.take(assignment(one, two))
    intake.take(assignment(one, camera("two", sealed(key.public, "c")), revision=2))
    assert logins(folder) == {"one": "a", "two": "c"}


def test_a_camera_that_goes_takes_its_password_along(folder, intake, key):
    intake.take(assignment(camera("one", sealed(key.public, "a")), camera("two", sealed(key.public, "b"))))
    intake.take(assignment(camera("one", sealed(key.public, "a")), revision=2))
    assert logins(folder) == {"one": "a"}
    intake.withdraw()
    assert logins(folder) == {}


def test_sealed_to_another_key_keeps_what_was_known_and_says_so(folder, intake, key):
    intake.take(assignment(camera("gate", sealed(key.public, "a"))))
    other = public_key(new_private_key())
    intake.take(assignment(camera("gate", sealed(other, "b")), revision=2))
    assert logins(folder) == {"gate": "a"}
    problem = intake.credentials.problems["gate"]
    assert id_of(other) in problem
    assert key.id in problem


@pytest.mark.parametrize("damage", ["AAAA", "not base64!"])
def test_a_damaged_box_is_said_without_content(folder, intake, key, damage):
    credential = sealed(key.public, "a") | {"box": damage}
    intake.take(assignment(camera("gate", credential)))
    assert logins(folder) == {}
    assert "cannot be opened" in intake.credentials.problems["gate"]


def test_no_other_address_gets_a_kept_password(folder, intake):
    intake.credentials.secret_read("login", Login("cam", "a"))
    intake.take(assignment(camera("gate", secret="login")))
    intake.credentials.secret_read("login", Login("cam", "b"))
    intake.take(assignment(camera("gate", secret="unread", url="rtsp://192.0.2.9/x"), revision=2))
    assert logins(folder) == {}


def test_a_restart_without_a_network_keeps_passwords_out_of_secrets(folder, intake, key):
    intake.credentials.secret_read("login", Login("cam", "a"))
    intake.take(assignment(camera("gate", secret="login")))
    again = Intake(folder, CredentialKeeper(folder, key))
    again.recover()
    assert logins(folder) == {"gate": "a"}


@pytest.mark.parametrize("damage", [b"", b"{", None])
def test_a_lost_file_is_made_again_from_the_cache(folder, intake, key, damage):
    intake.take(assignment(camera("gate", sealed(key.public, "a"))))
    folder.credentials.unlink()
    if damage is not None:
        folder.credentials.write_bytes(damage)
    Intake(folder, CredentialKeeper(folder, key)).recover()
    assert logins(folder) == {"gate": "a"}


def told(name, state):
    health = CameraHealth(name=name, state=state, since=NOW)
    return PipelineStatus(applied_revision=1, updated_at=NOW, cameras=(health,))


def test_a_missing_login_is_the_cameras_reason(folder, intake, key):
    intake.take(assignment(camera("gate", sealed(public_key(new_private_key()), "a"))))
    facts = NodeFacts(login_problems=intake.credentials.problems)
    report = report_of(read_assignment(folder.assignment), told("gate", "Failed"), NOW, facts)
    assert report.status.cameras[0].state == "AuthFailed"
    assert "sealed to the key" in report.status.cameras[0].reason
    streaming = report_of(read_assignment(folder.assignment), told("gate", "Streaming"), NOW, facts)
    assert streaming.status.cameras[0].state == "Streaming"
