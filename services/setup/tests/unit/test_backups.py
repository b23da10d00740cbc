"""Names, manifests, indexes and folders of backups: what sorts, what stays, what is found to be damaged."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_setup.backups import folder as folders
from alpr_setup.backups.listing import age_text, row_of, size_text
from alpr_setup.backups.making import let_go
from alpr_setup.backups.manifest import DatabaseFacts, Manifest, damages, digests_of, parse_facts, read_manifest
from alpr_setup.backups.names import chosen, moment_of, name_of, names_in, superseded
from alpr_setup.backups.objects import Entry, file_of, index_text, known_objects, parse_index, sweep
from alpr_setup.errors import SetupError

moments = st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))
names = st.builds(name_of, moments)
entries = st.builds(Entry, st.integers(0, 2**40), st.text("0123456789abcdef-", max_size=40), st.just("ab" * 32))
NAME = "2026-11-29T02-23-00Z"


@given(moments, moments)
def test_names_sort_as_their_times_do(one, other):
    assert (name_of(one) < name_of(other)) == (one.replace(microsecond=0) < other.replace(microsecond=0))
    assert moment_of(name_of(one)) == one.replace(microsecond=0)


@given(st.lists(names, unique=True), st.integers(1, 9))
def test_the_newest_stay(known, keep):
    gone = superseded(known, keep)
    stay = set(known) - set(gone)
    assert len(stay) == min(keep, len(known))
    assert not gone or max(gone) < min(stay)


@pytest.mark.parametrize(
    "entry", ["objects", f"{NAME}.part", "2026-13-01T00-00-00Z", "2026-11-29", "../etc", f"{NAME}\n", ".lock"]
)
def test_what_is_no_backup_has_no_name_of_one(entry):
    assert moment_of(entry) is None
    assert names_in([entry, NAME]) == [NAME]


def test_newest_is_the_last_and_a_wrong_name_is_told_which_that_is():
    known = ["2026-01-01T00-00-00Z", NAME, "objects"]
    assert chosen(known, "newest") == NAME
    assert chosen(known, known[0]) == known[0]
    with pytest.raises(SetupError, match=f"no backup yesterday; the newest is {NAME}"):
        chosen(known, "yesterday")
    with pytest.raises(SetupError, match="no whole backup"):
        chosen(["objects", f"{NAME}.part"], "newest")


@given(st.dictionaries(st.text(max_size=40), entries, max_size=8))
def test_an_index_holds_any_key(index):
    try:
        text = index_text(index)
    except UnicodeEncodeError:  # no object has half a surrogate in its key
        return
    assert parse_index(text) == index


@given(st.text(max_size=60))
def test_a_key_never_leaves_the_folder_of_objects(tmp_path_factory, key):
    path = file_of(tmp_path_factory.getbasetemp(), key)
    assert path.parent.parent == tmp_path_factory.getbasetemp() / "objects"
    assert len(path.name) == 64


@pytest.mark.parametrize("line", ["key", "key\tmany\tetag\tsha", "a\tb\tc\td\te"])
def test_a_damaged_index_is_said(line):
    with pytest.raises(SetupError, match="a line is damaged"):
        parse_index(line)


def test_the_dumps_notes_are_read():
    told = parse_facts("version\t15.6\nextension\tpg_trgm\t1.6\ntable\tplate_events\t12\n")
    assert told == DatabaseFacts(version="15.6", extensions={"pg_trgm": "1.6"}, tables={"plate_events": 12})
    for wrong in ("", "table\tplate_events\t12\n", "version\t15\ntable\tplate_events\tmany\n", "version\t15\nwhat"):
        with pytest.raises(SetupError, match="notes"):
            parse_facts(wrong)


@pytest.fixture
def whole(tmp_path):
    """A folder with one whole backup."""
    make(tmp_path, NAME)
    return tmp_path


def make(place, name, events=3):
    part = place / f"{name}.part"
    folders.write_file(part / "database.dump", b"PGDMP")
    folders.write_file(part / "values/alpr-central.yaml", b"{}\n")
    database = DatabaseFacts(version="15", tables={"plate_events": events})
    told = {"namespace": "alpr-system", "objects": None, "registry": "", "left_out": [], "database": database}
    folders.publish(part, Manifest(name=name, version="0.1.0", files=digests_of(part), **told))


def test_files_are_their_owners_alone(whole):
    for path in (whole / NAME, *(whole / NAME).rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)


def test_a_whole_backup_has_no_damage_and_its_row_says_so(whole):
    manifest = read_manifest(whole / NAME)
    assert list(damages(whole / NAME, manifest)) == []
    now = datetime(2026, 12, 2, 3, tzinfo=UTC)
    assert row_of(whole / NAME, now) == (NAME, "3 d", "3", "none", "8 B", "whole")


@pytest.mark.parametrize("content", [b"PGDMX", b"PGDM", b"PGDMP ", None])
def test_a_file_that_is_not_as_it_was_is_named(whole, content):
    path = whole / NAME / "database.dump"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    [said] = damages(whole / NAME, read_manifest(whole / NAME))
    assert said.startswith("database.dump: ")


@pytest.mark.parametrize("text", ["", "{", "{}", json.dumps({"name": "another"})])
def test_a_damaged_manifest_is_a_damaged_backup(whole, text):
    (whole / NAME / "manifest.json").write_text(text)
    with pytest.raises(SetupError, match="damaged"):
        read_manifest(whole / NAME)
    assert row_of(whole / NAME, datetime.now(UTC))[-1] == "damaged"


def test_a_manifest_of_another_backup_or_one_that_leads_outside_is_refused(whole):
    (whole / NAME).rename(whole / "2026-11-30T02-23-00Z")
    with pytest.raises(SetupError, match="that of another backup"):
        read_manifest(whole / "2026-11-30T02-23-00Z")
    (whole / "2026-11-30T02-23-00Z").rename(whole / NAME)
    manifest = read_manifest(whole / NAME)
    outside = manifest.model_copy(update={"files": {"../../etc/passwd": manifest.files["database.dump"]}})
    assert list(damages(whole / NAME, outside)) == ["../../etc/passwd: lies outside of the backup"]


def test_pruning_leaves_the_newest_and_what_is_no_backup(tmp_path):
    days = [name_of(datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=day)) for day in range(5)]
    for name in days:
        make(tmp_path, name)
    (tmp_path / "objects").mkdir()
    assert folders.prune(tmp_path, 2) == days[:3]
    assert folders.backups_in(tmp_path) == days[3:]
    assert (tmp_path / "objects").is_dir()
    assert not list(tmp_path.glob("*.part"))


def test_files_of_objects_that_no_backup_names_go(tmp_path):
    for key in ("a", "b"):
        folders.write_file(file_of(tmp_path, key), b"x")
    half = file_of(tmp_path, "a").with_name(".half.new")
    half.write_bytes(b"")
    assert sweep(tmp_path, ["a"]) == 2
    assert file_of(tmp_path, "a").exists()
    assert not half.exists()


def test_an_old_backup_whose_index_is_damaged_bars_no_new_one_and_loses_no_picture(tmp_path):
    days = ["2026-11-28T02-23-00Z", NAME]
    for name in days:
        make(tmp_path, name)
    (tmp_path / days[0] / "objects.tsv").write_text("half a li")
    folders.write_file(tmp_path / NAME / "objects.tsv", index_text({"a": Entry(1, "e", "ab" * 32)}).encode())
    for key in ("a", "b"):
        folders.write_file(file_of(tmp_path, key), b"x")
    assert set(known_objects(tmp_path)) == {"a"}
    [told] = let_go(tmp_path, 2)
    assert told.startswith("no picture was removed: objects.tsv: a line is damaged")
    assert file_of(tmp_path, "b").exists()
    assert let_go(tmp_path, 1) == [f"{days[0]}: gone, 1 are kept"]
    assert not file_of(tmp_path, "b").exists()


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    folders.write_file(tmp_path / "a", b"before")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        folders.write_file(tmp_path / "a", b"after")
    assert (tmp_path / "a").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(("seconds", "text"), [(-5, "0 min"), (119, "1 min"), (7300, "2 h"), (200000, "2 d")])
def test_ages(seconds, text):
    assert age_text(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e12, "2.5 TB")])
def test_sizes(size, text):
    assert size_text(size) == text
