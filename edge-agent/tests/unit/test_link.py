"""The link, over a fake of our own Cluster."""

import asyncio
import base64
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from alpr_edge_agent.agent import cadence as pace
from alpr_edge_agent.agent import link as module
from alpr_edge_agent.agent import secret_reader
from alpr_edge_agent.agent.cadence import Cadence
from alpr_edge_agent.agent.credentials import CredentialKeeper
from alpr_edge_agent.agent.intake import Intake, withdrawn
from alpr_edge_agent.agent.link import Link
from alpr_edge_agent.agent.node_key import node_key
from alpr_edge_agent.assignment import read_assignment
from alpr_edge_agent.contact import ContactWriter, Fence
from alpr_edge_agent.errors import AssignmentUnreadable
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.pipeline.orders import read_logins
from alpr_kubernetes import Changed, Failed, Forbidden, Listed, NotFound, Throttled, Unavailable
from alpr_schemas.resources import CameraState, EdgeReport, Metadata, ReportedCamera, ReportStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def assignment(revision=1, **spec):
    return {
        "metadata": {"name": "n1"},
        "spec": {"nodeName": "n1", "site": "s1", "revision": revision, **spec},
    }


def report(revision, since=NOW):
    camera = ReportedCamera(name="gate", state=CameraState.STREAMING, since=since)
    return EdgeReport(metadata=Metadata(name="n1"), status=ReportStatus(applied_revision=revision, cameras=(camera,)))


class FakeCluster:
    """Gives the changes it is told, keeps the reports it gets, and fails as often as it is told."""

    def __init__(self):
        self.changes = asyncio.Queue()
        self.reports = []
        self.errors = []
        self.secrets = {}
        self.asked = []
        self.down = False

    async def assignment(self):
        if self.down:
            raise Unavailable(0, "NoAnswer", "gone")
        self.asked.append("assignment")
        return {}

    async def assignments(self):
        while True:
            yield await self.changes.get()

    async def secret(self, name):
        self.asked.append(name)
        found = self.secrets[name]
        if isinstance(found, Exception):
            raise found
        return found

    async def put_report(self, report):
        if self.errors:
            raise self.errors.pop(0)
        self.reports.append(report)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name, value in {"DEBOUNCE_S": 0.02, "GAP_S": 0.1, "FIRST_RETRY_S": 0.01, "MOST_RETRY_S": 0.05}.items():
        monkeypatch.setattr(pace, name, value)


@pytest.fixture
def folder(tmp_path):
    return EdgeFolder(tmp_path)


def linked(folder, play, **parts):
    """Run a link while `play(link, cluster)` does."""

    async def run():
        cluster = FakeCluster()

        @asynccontextmanager
        async def opened():
            yield cluster

        keeper = CredentialKeeper(folder, node_key(folder.node_key))
        link = Link(opened, Intake(folder, keeper), ContactWriter(folder.contact), **parts)
        running, playing = asyncio.create_task(link.run()), asyncio.create_task(play(link, cluster))
        await asyncio.wait({running, playing}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        link.stop()
        played = playing.done() or not playing.cancel()
        await running
        assert played
        await playing
        return cluster

    return asyncio.run(run())


async def becomes(condition):
    while not condition():  # noqa: ASYNC110 - files change without telling us
        await asyncio.sleep(0.005)


def revision(folder):
    try:
        return read_assignment(folder.assignment).spec.revision
    except AssignmentUnreadable:
        return None


def test_lists_and_changes_reach_the_disk(folder):
    async def play(link, cluster):
        cluster.changes.put_nowait(Listed([assignment(1)]))
        await becomes(lambda: revision(folder) == 1)
        cluster.changes.put_nowait(Failed(Unavailable(0, "NoAnswer", "gone")))
        cluster.changes.put_nowait(Changed("MODIFIED", assignment(2, reportRefresh="90s")))
        await becomes(lambda: revision(folder) == 2)
        await becomes(lambda: link.cadence.refresh_s == 90)

    linked(folder, play)


def test_a_deleted_assignment_is_withdrawn_after_a_while(folder):
    async def play(link, cluster):
        cluster.changes.put_nowait(Listed([assignment(1)]))
        await becomes(lambda: revision(folder) == 1)
        cluster.changes.put_nowait(Changed("DELETED", assignment(1)))
        await becomes(lambda: withdrawn(read_assignment(folder.assignment)))

    linked(folder, play, withdraw_after_s=0.01)


def test_one_that_comes_back_in_time_costs_nothing(folder):
    async def play(link, cluster):
        cluster.changes.put_nowait(Listed([]))
        cluster.changes.put_nowait(Listed([assignment(4)]))
        await becomes(lambda: revision(folder) == 4)
        await becomes(lambda: link._withdrawal is None)

    linked(folder, play, withdraw_after_s=60)
    assert not withdrawn(read_assignment(folder.assignment))


def secret(password):
    encoded = {"username": "cam", "password": password}
    return {"data": {key: base64.b64encode(text.encode()).decode() for key, text in encoded.items()}}


def closed(name="gate", ref="gate-login", **more):
    source = {"protocol": "rtsp", "url": "rtsp://192.0.2.1/x", "credentialsSecretRef": {"name": ref}}
    return {"name": name, "config": {"source": source}, **more}


def test_a_named_secret_is_read_before_the_camera_starts(folder):
    async def play(link, cluster):
        cluster.secrets = {"gate-login": secret("hush")}
        cluster.changes.put_nowait(Listed([assignment(1, cameras=[closed()])]))
        await becomes(lambda: revision(folder) == 1)

    linked(folder, play)
    assert read_logins(folder.credentials)["gate"].password == "hush"
    assert "hush" not in folder.assignment.read_text()


def test_a_corrected_secret_is_found_while_the_camera_refuses(folder, monkeypatch):
    for name in ("REFUSED_EVERY_S", "LOOK_EVERY_S"):
        monkeypatch.setattr(secret_reader, name, 0.01)

    async def play(link, cluster):
        cluster.secrets = {"gate-login": secret("wrong")}
        cluster.changes.put_nowait(Listed([assignment(1, cameras=[closed()])]))
        await becomes(lambda: revision(folder) == 1)
        refused = ReportedCamera(name="gate", state=CameraState.AUTH_FAILED, since=NOW)
        link.offer(EdgeReport(metadata=Metadata(name="n1"), status=ReportStatus(cameras=(refused,))))
        cluster.secrets = {"gate-login": secret("right")}
        await becomes(lambda: read_logins(folder.credentials)["gate"].password == "right")

    linked(folder, play)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (NotFound(404, "NotFound", "no"), "there is no Secret gate-login"),
        ({"data": {"username": "eA=="}}, "Secret gate-login has no key 'password'"),
        ({"data": {"username": "eA==", "password": "****"}}, "must be text"),
        (Forbidden(403, "Forbidden", "no"), "have not come yet"),
        (Unavailable(0, "NoAnswer", "gone"), "have not come yet"),
    ],
)
def test_what_is_wrong_with_a_secret_is_said(folder, answer, words):
    async def play(link, cluster):
        cluster.secrets = {"gate-login": answer}
        cluster.changes.put_nowait(Listed([assignment(1, cameras=[closed()])]))
        await becomes(lambda: link.intake.credentials.problems)
        assert words in link.intake.credentials.problems["gate"]

    linked(folder, play)


def test_a_right_that_comes_later_is_found(folder, monkeypatch):
    for name in ("REFUSED_EVERY_S", "LOOK_EVERY_S", "DENIED_FIRST_S"):
        monkeypatch.setattr(secret_reader, name, 0.01)

    async def play(link, cluster):
        cluster.secrets = {"gate-login": Forbidden(403, "Forbidden", "no")}
        cluster.changes.put_nowait(Listed([assignment(1, cameras=[closed()])]))
        await becomes(lambda: link.intake.credentials.problems)
        refused = ReportedCamera(name="gate", state=CameraState.AUTH_FAILED, since=NOW)
        link.offer(EdgeReport(metadata=Metadata(name="n1"), status=ReportStatus(cameras=(refused,))))
        cluster.secrets = {"gate-login": secret("hush")}
        await becomes(lambda: "gate" in read_logins(folder.credentials))

    linked(folder, play)


def test_one_refusal_ends_the_asking_for_secrets(folder):
    async def play(link, cluster):
        cluster.secrets = {"a": Forbidden(403, "Forbidden", "no")}
        cameras = [closed("one", "a"), closed("two", "b")]
        cluster.changes.put_nowait(Listed([assignment(1, cameras=cameras)]))
        cluster.changes.put_nowait(Listed([assignment(2, cameras=cameras)]))
        await becomes(lambda: revision(folder) == 2)

    assert linked(folder, play).asked == ["a"]


def test_changes_that_come_together_are_one_write(folder):
    async def play(link, cluster):
        for number in range(5):
            link.offer(report(number))
        await becomes(lambda: cluster.reports)

    cluster = linked(folder, play)
    assert [r.status.applied_revision for r in cluster.reports] == [4]


def test_moments_alone_are_not_written(folder):
    async def play(link, cluster):
        link.offer(report(1))
        await becomes(lambda: cluster.reports)
        for hour in range(20):
            link.offer(report(1, NOW + timedelta(hours=hour)))
        await asyncio.sleep(0)
        assert link.cadence.due_s() - link.clock() > 100

    assert len(linked(folder, play).reports) == 1


def test_errors_lose_no_state(folder):
    async def play(link, cluster):
        cluster.errors = [Unavailable(0, "NoAnswer", "gone"), Throttled(429, "TooMany", "wait", 0.05)]
        link.offer(report(1))
        await becomes(lambda: not cluster.errors)
        link.offer(report(2))
        await becomes(lambda: cluster.reports)

    assert linked(folder, play).reports[-1].status.applied_revision == 2


def test_a_change_during_a_write_is_written_after_it(folder):
    async def play(link, cluster):
        told = cluster.put_report

        async def slowly(written):
            link.offer(report(2))
            await asyncio.sleep(0.01)
            await told(written)

        cluster.put_report = slowly
        link.offer(report(1))
        await becomes(lambda: len(cluster.reports) == 2)

    assert [r.status.applied_revision for r in linked(folder, play).reports] == [1, 2]


def test_quiet_nodes_repeat_themselves_now_and_then(folder):
    async def play(link, cluster):
        link.offer(report(1))
        await becomes(lambda: len(cluster.reports) == 3)

    linked(folder, play, cadence=Cadence(refresh_s=0.02))


def test_a_fenced_assignment_is_asked_for_while_nothing_else_is_heard(folder, monkeypatch):
    monkeypatch.setattr(module, "ASK_LOOK_S", 0.01)

    async def play(link, cluster):
        cluster.changes.put_nowait(Listed([assignment(1, fenceAfter="1s")]))
        await becomes(lambda: revision(folder) == 1)
        assert not Fence(folder.contact).closed(1)
        await becomes(lambda: cluster.asked)
        cluster.down = True
        await becomes(lambda: Fence(folder.contact).closed(0.3))

    linked(folder, play)


def test_a_bug_is_not_swallowed(folder):
    async def play(link, cluster):
        cluster.errors = [ZeroDivisionError()]
        link.offer(report(1))
        await asyncio.sleep(5)

    with pytest.raises(ExceptionGroup):
        linked(folder, play)
