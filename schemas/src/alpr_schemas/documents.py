"""YAML documents of files and folders, read as kubectl reads them, each field with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file; `line` counts from 1."""

    file: Path
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


class ManifestError(ValueError):
    """Some documents cannot be taken; `problems` holds all that was found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its data, and where each part stands."""

    file: Path
    node: yaml.MappingNode
    data: dict[str, Any]

    @property
    def kind(self) -> str:
        """What it says it is."""
        return str(self.data.get("kind"))

    def problem(self, path: Sequence[int | str], message: str) -> Problem:
        """What is wrong with the field at `path`."""
        return Problem(self.file, _line(self.node, path), dotted(path), message)


def dotted(path: Sequence[int | str]) -> str:
    """A field as Kubernetes names it: spec.analytics.roi[0].points."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def read_documents(paths: Iterable[Path], problems: list[Problem]) -> list[Document]:
    """All documents of files and folders (their *.yaml and *.yml, at any depth); what cannot be read is a problem."""
    return [document for file in _files(paths, problems) for document in _documents(file, problems)]


def _files(paths: Iterable[Path], problems: list[Problem]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
            if not found:
                problems.append(Problem(path, 1, "", "no *.yaml or *.yml in this folder"))
            yield from found
        elif path.exists():
            yield path
        else:
            problems.append(Problem(path, 1, "", "no such file or folder"))


class _Loader(yaml.SafeLoader):
    """YAML as kubectl reads it: what looks like a date, or like hours and minutes, is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [told for told in resolvers if told[0].rsplit(":", 1)[1] not in ("timestamp", "int", "float")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"[-+]?(0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)\Z"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?([0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|\.[0-9][0-9_]*([eE][-+]?[0-9]+)?|\.inf)\Z"),
    list("-+0123456789."),
)


def _documents(file: Path, problems: list[Problem]) -> Iterator[Document]:
    try:
        for node in yaml.compose_all(file.read_text(encoding="utf-8"), Loader=_Loader):
            if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
                continue
            if not isinstance(node, yaml.MappingNode):
                problems.append(Problem(file, node.start_mark.line + 1, "", "a document must be a mapping with kind"))
                continue
            problems += _twice(file, node)
            yield Document(file, node, _construct(node))
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        reason = getattr(e, "problem", None) or "not YAML"
        problems.append(Problem(file, mark.line + 1 if mark else 1, "", str(reason)))
    except RecursionError:
        problems.append(Problem(file, 1, "", "a part of it contains itself; write it out"))
    except (OSError, UnicodeDecodeError) as e:
        problems.append(
            Problem(file, 1, "", f"cannot be read: {e.__class__.__name__}; check that it is text and readable")
        )


def _twice(file: Path, node: yaml.Node) -> Iterator[Problem]:
    """Keys that stand twice in one mapping: kubectl refuses them, Python's YAML takes the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen and key.value != "<<":
                said = f'key "{key.value}" already set in map; remove one of the two'
                yield Problem(file, key.start_mark.line + 1, "", said)
            seen.add(str(key.value))
            yield from _twice(file, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _twice(file, value)


def _construct(node: yaml.MappingNode) -> dict[str, Any]:
    loader = _Loader("")
    try:
        data: dict[str, Any] = loader.construct_document(node)
        return data
    finally:
        loader.dispose()


def _line(node: yaml.Node, path: Sequence[int | str]) -> int:
    """The line of the deepest part of `path` that stands in the document."""
    line = node.start_mark.line
    for part in path:
        found = _child(node, part)
        if found is None:
            break
        key, node = found
        line = key.start_mark.line
    return line + 1


def _child(node: yaml.Node, part: int | str) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None
