"""YAML is read as kubectl reads it."""

import pytest

from alpr_schemas.documents import dotted, read_documents


def read(tmp_path, text):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    problems = []
    return [document.data for document in read_documents([path], problems)], [
        str(one).removeprefix(f"{path}:") for one in problems
    ]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("22:00", "22:00"),
        ("02:30", "02:30"),
        ("2026-01-02", "2026-01-02"),
        ("12", 12),
        ("-3", -3),
        ("1_000", 1000),
        ("0x1F", 31),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.5e+3", 1500.0),
        ("yes", True),
        ("'12'", "12"),
        ("1h30m", "1h30m"),
        ("", None),
    ],
)
def test_plain_words_become_what_kubectl_makes_of_them(tmp_path, written, read_as):
    ((document,), problems) = read(tmp_path, f"start: {written}\n")
    assert document == {"start": read_as}
    assert problems == []


def test_a_key_that_stands_twice_is_told_with_its_line(tmp_path):
    _, problems = read(tmp_path, "kind: Camera\nspec:\n  - {a: 1}\n  - a: 1\n    b: 2\n    a: 3\n")
    assert problems == ['6: key "a" already set in map; remove one of the two']


def test_what_contains_itself_is_told(tmp_path):
    _, problems = read(tmp_path, "kind: Camera\nspec: &a\n  again: *a\n")
    assert problems == ["1: a part of it contains itself; write it out"]


def test_several_documents_and_empty_ones(tmp_path):
    documents, problems = read(tmp_path, "---\n---\na: 1\n---\n# nothing\n---\nb: 2\n")
    assert documents == [{"a": 1}, {"b": 2}]
    assert problems == []


def test_fields_are_named_as_kubernetes_names_them():
    assert dotted(("spec", "analytics", "roi", 0, "points", 1, 0)) == "spec.analytics.roi[0].points[1][0]"
    assert dotted(()) == ""
