"""AlprSite, Camera and Secret documents of files and folders, with errors that name file, line and field."""

from __future__ import annotations

import base64
import binascii
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alpr_schemas.documents import SUFFIXES, Document, ManifestError, Problem, read_documents
from alpr_schemas.resources import API_VERSION, KINDS, AlprSite, Camera, Resource
from alpr_schemas.verdicts import judge, judge_update

__all__ = ["SUFFIXES", "Credentials", "ManifestError", "Manifests", "Problem", "check_documents", "read_manifests"]

PEOPLE_WRITE = ("AlprSite", "Camera")


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


def read_manifests(paths: Iterable[Path]) -> Manifests:
    """Read files and folders (their *.yaml and *.yml, at any depth). Raises ManifestError with every problem found."""
    problems: list[Problem] = []
    documents = read_documents(paths, problems)
    resources = [r for d in documents if d.kind != "Secret" and (r := _resource(d, PEOPLE_WRITE, problems)) is not None]
    secrets = dict(_secrets(documents, problems))
    sites = [(d, r) for d, r in resources if isinstance(r, AlprSite)]
    cameras = [(d, r) for d, r in resources if isinstance(r, Camera)]
    problems += [*_twice(sites), *_twice(cameras), *_dangling(cameras, {s.metadata.name for _, s in sites}, secrets)]
    if problems:
        raise ManifestError(_sorted(problems))
    return Manifests(tuple(r for _, r in sites), tuple(r for _, r in cameras), secrets)


def check_documents(paths: Iterable[Path]) -> list[Problem]:
    """What an API server with our CRDs would refuse in these files; empty where nothing.

    Each document is looked at by itself; where an object stands twice in one file, its second document is an update of
    the first. References to other objects are not followed, and kinds that are not ours are passed over.
    """
    problems: list[Problem] = []
    stored: dict[tuple[Path, str, str | None, str], Resource] = {}
    for document in read_documents(paths, problems):
        ours = document.data.get("apiVersion") == API_VERSION
        if ours and (found := _resource(document, tuple(KINDS), problems)):
            _, resource = found
            key = (document.file, resource.kind, resource.metadata.namespace, resource.metadata.name)
            if key in stored:
                problems += [document.problem(f.path, f.message) for f in judge_update(resource, stored[key])]
            stored.setdefault(key, resource)
    return _sorted(problems)


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (str(problem.file), problem.line))


def _resource(document: Document, kinds: Sequence[str], problems: list[Problem]) -> tuple[Document, Resource] | None:
    kind = document.kind
    if document.data.get("apiVersion") != API_VERSION or kind not in kinds:
        allowed = " or ".join(f"kind {k}" for k in kinds)
        problems.append(
            document.problem(("kind",), f"{kind}: expected apiVersion {API_VERSION} with {allowed}, or a Secret")
        )
        return None
    verdict = judge(document.data)
    problems += [document.problem(fault.path, fault.message) for fault in verdict.faults]
    return None if verdict.taken is None else (document, verdict.taken)


def _secrets(documents: Sequence[Document], problems: list[Problem]) -> Iterator[tuple[str, Credentials]]:
    for document in documents:
        if document.kind != "Secret":
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


def _twice(items: Sequence[tuple[Document, Any]]) -> Iterator[Problem]:
    first: dict[str, Document] = {}
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
    cameras: Sequence[tuple[Document, Camera]], sites: set[str], secrets: dict[str, Credentials]
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
