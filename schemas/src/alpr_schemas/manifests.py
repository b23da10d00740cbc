"""YAML files and folders of AlprSite, Camera and Secret documents, with errors that name file, line and field."""

from __future__ import annotations

import base64
import binascii
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from alpr_schemas.resources import API_VERSION, KINDS, AlprSite, Camera, Resource

SUFFIXES = (".yaml", ".yml")
PEOPLE_WRITE = ("AlprSite", "Camera")


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


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """A user and a password; its repr shows neither."""

    username: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(***)"


@dataclass(frozen=True, slots=True)
class Manifests:
    """What the files hold."""

    sites: tuple[AlprSite, ...]
    cameras: tuple[Camera, ...]
    secrets: dict[str, Credentials]


@dataclass(frozen=True, slots=True)
class _Document:
    file: Path
    node: yaml.MappingNode
    data: dict[str, Any]

    def problem(self, path: Sequence[int | str], message: str) -> Problem:
        return Problem(self.file, _line(self.node, path), ".".join(str(part) for part in path), message)


def read_manifests(paths: Iterable[Path]) -> Manifests:
    """Read files and folders (their *.yaml and *.yml, at any depth). Raises ManifestError with every problem found."""
    problems: list[Problem] = []
    documents = [d for file in _files(paths, problems) for d in _documents(file, problems)]
    resources = [r for d in documents if _kind(d) != "Secret" and (r := _resource(d, problems)) is not None]
    secrets = dict(_secrets(documents, problems))
    sites = [(d, r) for d, r in resources if isinstance(r, AlprSite)]
    cameras = [(d, r) for d, r in resources if isinstance(r, Camera)]
    problems += [*_twice(sites), *_twice(cameras), *_dangling(cameras, {s.metadata.name for _, s in sites}, secrets)]
    if problems:
        raise ManifestError(sorted(problems, key=lambda p: (str(p.file), p.line)))
    return Manifests(tuple(r for _, r in sites), tuple(r for _, r in cameras), secrets)


def check_documents(paths: Iterable[Path]) -> list[Problem]:
    """What an API server with our CRDs would refuse in these files, each document by itself; empty where nothing.

    References to other objects are not followed, and kinds that are not ours are passed over.
    """
    problems: list[Problem] = []
    for file in _files(paths, problems):
        for document in _documents(file, problems):
            if document.data.get("apiVersion") == API_VERSION:
                _resource(document, problems)
    return sorted(problems, key=lambda problem: (str(problem.file), problem.line))


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


def _documents(file: Path, problems: list[Problem]) -> Iterator[_Document]:
    try:
        for node in yaml.compose_all(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader):
            if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
                continue
            if not isinstance(node, yaml.MappingNode):
                problems.append(Problem(file, node.start_mark.line + 1, "", "a document must be a mapping with kind"))
                continue
            yield _Document(file, node, _construct(node))
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        reason = getattr(e, "problem", None) or "not YAML"
        problems.append(Problem(file, mark.line + 1 if mark else 1, "", str(reason)))
    except (OSError, UnicodeDecodeError) as e:
        problems.append(
            Problem(file, 1, "", f"cannot be read: {e.__class__.__name__}; check that it is text and readable")
        )


def _construct(node: yaml.MappingNode) -> dict[str, Any]:
    loader = yaml.SafeLoader("")
    try:
        data: dict[str, Any] = loader.construct_document(node)
        return data
    finally:
        loader.dispose()


def _kind(document: _Document) -> str:
    return str(document.data.get("kind"))


def _resource(document: _Document, problems: list[Problem]) -> tuple[_Document, Resource] | None:
    kind = _kind(document)
    if document.data.get("apiVersion") != API_VERSION or kind not in PEOPLE_WRITE:
        allowed = " or ".join(f"kind {k}" for k in PEOPLE_WRITE)
        problems.append(
            document.problem(("kind",), f"{kind}: expected apiVersion {API_VERSION} with {allowed}, or a Secret")
        )
        return None
    try:
        return document, KINDS[kind].model_validate(document.data, extra="forbid")
    except ValidationError as e:
        real = [error for error in e.errors() if not _kubernetes_own(error["type"], error["loc"])]
        problems += [document.problem(error["loc"], _said(error)) for error in real]
        return None if real else (document, KINDS[kind].model_validate(document.data))


def _kubernetes_own(error_type: str, loc: tuple[int | str, ...]) -> bool:
    """Metadata and status hold more fields than we read; a file from `kubectl get -o yaml` is fine."""
    return error_type == "extra_forbidden" and loc[0] in ("metadata", "status")


def _said(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "no such field; check its spelling"
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[0].lower() + message[1:]


def _secrets(documents: Sequence[_Document], problems: list[Problem]) -> Iterator[tuple[str, Credentials]]:
    for document in documents:
        if _kind(document) != "Secret":
            continue
        if document.file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            problems.append(document.problem(("kind",), f"others can read this Secret; run: chmod 600 {document.file}"))
            continue
        name = str((document.data.get("metadata") or {}).get("name") or "")
        try:
            yield name, _credentials(document.data)
        except (ValueError, binascii.Error) as e:
            problems.append(document.problem(("stringData",), str(e)))


def _credentials(data: dict[str, Any]) -> Credentials:
    plain = data.get("stringData") or {}
    coded = data.get("data") or {}
    values = {k: base64.b64decode(v, validate=True).decode() for k, v in coded.items()} | {
        k: str(v) for k, v in plain.items()
    }
    if not values.get("username"):
        raise ValueError("a camera's Secret needs the keys username and password")
    return Credentials(values["username"], values.get("password", ""))


def _twice(items: Sequence[tuple[_Document, Any]]) -> Iterator[Problem]:
    first: dict[str, _Document] = {}
    for document, resource in items:
        name = resource.metadata.name
        if name in first:
            other = first[name]
            where = f"{other.file}:{other.node.start_mark.line + 1}"
            yield document.problem(
                ("metadata", "name"), f"{resource.kind} {name} stands already in {where}; rename one"
            )
        first.setdefault(name, document)


def _dangling(
    cameras: Sequence[tuple[_Document, Camera]], sites: set[str], secrets: dict[str, Credentials]
) -> Iterator[Problem]:
    for document, camera in cameras:
        if camera.spec.site_ref.name not in sites:
            known = ", ".join(sorted(sites)) or "none"
            yield document.problem(
                ("spec", "siteRef", "name"), f"no AlprSite {camera.spec.site_ref.name} in these files (there: {known})"
            )
        ref = camera.spec.source.credentials_secret_ref
        if ref is not None and ref.name not in secrets:
            yield document.problem(
                ("spec", "source", "credentialsSecretRef", "name"), f"no Secret {ref.name} in these files"
            )


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
