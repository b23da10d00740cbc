"""What the doctor's looks make of the texts that they find."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from alpr_edge_agent.doctor.command import doctor
from alpr_edge_agent.doctor.facts import Folder
from alpr_edge_agent.doctor.findings import Finding, counted
from alpr_edge_agent.doctor.look import folder, node
from alpr_edge_agent.doctor.look.gpu import is_jetson, look_at_jetson, power_mode_of, release_of
from alpr_edge_agent.doctor.report import as_json, print_table
from alpr_edge_agent.outbox.schema import connect

MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /proc rw - proc proc rw
24 22 0:22 / /var/lib/a\\040b rw shared:1 - tmpfs tmpfs rw
25 22 0:23 / /srv rw - xfs /dev/vdb rw
26 25 0:24 / /srv rw master:2 - nfs4 server:/x rw
this line is not as expected
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/home/x", "ext4"), ("/var/lib/a b/c", "tmpfs"), ("/srv/data", "nfs4"), ("/srvx", "ext4")],
)
def test_the_deepest_and_latest_mount_names_the_file_system(path: str, kind: str) -> None:
    assert folder.kind_of(Path(path), MOUNTS) == kind


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: …", (36, 4, 3)),
        ("# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref", (35, 4, 1)),
        ("# R38 (release), REVISION: 2.0, GCID: 1", (38, 2, 0)),
        ("", None),
        ("something else", None),
    ],
)
def test_release_of_jetson_linux(text: str, release: tuple[int, ...] | None) -> None:
    assert release_of(text) == release


def test_power_mode_of_a_jetson() -> None:
    assert power_mode_of("NV Power Mode: MAXN_SUPER\n2") == "MAXN_SUPER"
    assert power_mode_of("NVPM WARN: fan mode is not set!\nNV Power Mode: 15W\n0") == "15W"
    assert power_mode_of("") is None


def test_what_a_jetson_has_not_said_stays_unknown_elsewhere() -> None:
    if is_jetson():
        pytest.skip("this is a Jetson")
    seen = look_at_jetson()
    assert (seen.l4t, seen.power_mode) == (None, None)
    assert set(seen.libraries) == {"CUDA driver", "CUDA runtime", "TensorRT"}


def test_modules_are_told_apart() -> None:
    built_in, files = "kernel/net/alpr_inside.ko\n", "kernel/drivers/net/alpr_beside.ko.zst: kernel/x.ko\n"
    assert node.module_state("alpr_inside", built_in, files) == "loaded"
    assert node.module_state("alpr_beside", built_in, files) == "there"
    assert node.module_state("alpr_no_such_module", built_in, files) == "missing"
    assert node.module_state("alpr_no_such_module", None, None) == "unknown"


@pytest.mark.parametrize(
    ("text", "mirrors", "error"),
    [
        (None, None, ""),
        ("mirrors: {docker.io: {endpoint: [https://registry.example.com]}}", ("docker.io",), ""),
        ("configs: {}", (), ""),
        ("mirrors: [", None, "no YAML"),
        ("- a", None, "no map"),
    ],
)
def test_registries_of_k3s(text: str | None, mirrors: tuple[str, ...] | None, error: str) -> None:
    found, told = node.mirrors_of(text)
    assert found == mirrors
    assert told.startswith(error)


def test_a_folder_that_is_not_there_is_judged_by_the_one_above_it(tmp_path: Path) -> None:
    seen = folder.look_at_folder(tmp_path / "a" / "b")
    assert not seen.exists
    assert seen.fsync_s is not None
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert folder.look_at_folder(tmp_path / "a").error == "it is a file"


@pytest.mark.parametrize("below", ["", "edge"])
def test_an_outbox_is_read_and_left_as_it_is(tmp_path: Path, below: str) -> None:
    assert folder.look_at_outbox(tmp_path) is None
    path = tmp_path / below / "outbox.db"
    connect(path).close()
    (path.parent / "outbox.db.damaged-1").touch()
    before = {found.name: found.stat().st_mtime_ns for found in path.parent.iterdir()}
    seen = folder.look_at_outbox(tmp_path)
    assert seen is not None
    assert (seen.version, seen.events, seen.error) == (seen.known_version, 0, "")
    assert seen.damaged == ("outbox.db.damaged-1",)
    assert {name: before[name] for name in before} == {
        found.name: found.stat().st_mtime_ns for found in path.parent.iterdir() if found.name in before
    }


@contextmanager
def another_user(place: Path) -> Iterator[None]:
    """Whoever runs the tests, `place` may not be looked into."""
    before = os.geteuid()
    place.chmod(0)
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)
        place.chmod(0o700)


def test_a_folder_of_another_user_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "edge").mkdir()
    (tmp_path / "edge/outbox.db").touch()
    with another_user(tmp_path):
        outbox = folder.look_at_outbox(tmp_path)
        place = folder.look_at_folder(tmp_path / "edge")
    assert outbox is not None
    assert (outbox.refused, outbox.error) == (True, "")
    assert (place.exists, place.error) == (False, "cannot be written (Permission denied)")


def test_an_outbox_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").write_bytes(b"no database, by its first bytes" * 40)
    seen = folder.look_at_outbox(tmp_path)
    assert seen is not None
    assert "not a database" in seen.error


FOUND = [
    Finding("ok", "machine", "Python", "3.11.7"),
    Finding("problem", "data folder", "file system", "tmpfs", "choose another"),
    Finding("problem", "data folder", "fsync", "slow", "buy another"),
]


def test_a_report_for_people_and_one_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(FOUND)
    told = capsys.readouterr().out
    assert "what to do: choose another" in told
    assert told.rstrip().endswith("2 problems, 0 warnings, 1 fine, 0 not checked")
    assert counted(FOUND[:2]) == "1 problem, 0 warnings, 1 fine, 0 not checked"
    read = json.loads(as_json(FOUND))
    assert read["counts"] == {"problem": 2, "warning": 0, "not checked": 0, "ok": 1}
    assert read["findings"][1]["advice"] == "choose another"


@pytest.mark.parametrize("address", ["rtsp://u:hunter2@192.0.2.1/a", "rtsp://u:hunter2/3@192.0.2.1/a"])
def test_a_password_on_the_command_line_is_refused_and_not_repeated(address: str) -> None:
    done = CliRunner().invoke(doctor, ["--camera", address])
    assert done.exit_code == 2
    assert "-f" in done.output
    assert "hunter2" not in done.output


def test_advice_of_a_folder_names_it() -> None:
    from alpr_edge_agent.doctor.rules.folder import folder as judged

    seen = Folder(Path("/x"), False, "ext4", 10**12, 10**12, None, "cannot be written (Permission denied)")
    assert "/x" in next(judged(seen)).advice
