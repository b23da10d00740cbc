"""Model files on this machine: found, converted once, checked by digest each time they are opened."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal, TypeAlias

from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.errors import ModelUnavailable
from alpr_edge_agent.models.catalog import KNOWN, KnownModel, Role

State: TypeAlias = Literal["ready", "installed", "not installed", "damaged"]
"""ready: opens at once. installed: converted at first use. damaged: the package's file is not the pinned one."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An ONNX file that is what it should be.

    Attributes:
        digest: `sha256:…` of its bytes.
        known: its entry in the catalog, also where a file given by path has that digest; None where it has none.
    """

    path: Path
    digest: str
    known: KnownModel | None


def find_model(name: str, role: Role, directory: Path) -> ModelFile:
    """The model called `name`, or the ONNX file at the path `name`; converted into `directory` at first use. Blocks.

    Raises:
        ModelUnavailable: not known, not installed, or not what its digest says.
    """
    if known := next((model for model in KNOWN if model.name == name), None):
        if known.role != role:
            raise ModelUnavailable(f"model {name} is a {known.role}, a {role} is needed: choose one of {_names(role)}")
        return ModelFile(prepare(known, directory), f"sha256:{known.sha256}", known)
    path = Path(name).expanduser()
    if path.suffix != ".onnx" or not path.is_file():
        raise ModelUnavailable(f"model {name}: neither a known {role} ({_names(role)}) nor an existing .onnx file")
    digest = _sha256(path)
    return ModelFile(path, f"sha256:{digest}", next((m for m in KNOWN if (m.sha256, m.role) == (digest, role)), None))


def prepare(known: KnownModel, directory: Path) -> Path:
    """The ONNX file of `known` under `directory`, made there if it is not yet; safe against a second process. Blocks.

    Raises:
        ModelUnavailable: its package is not installed, or a digest does not match.
    """
    path = directory / f"{known.name}.onnx"
    if _holds(path, known.sha256):
        return path
    source = _checked_source(known)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory / ".lock"):
            if not _holds(path, known.sha256):
                write_durably(path, _converted(known, source))
    except OSError as error:
        raise ModelUnavailable(f"{directory}: cannot keep models there ({error}); set ALPR_MODELS_DIR") from error
    return path


def state(known: KnownModel, directory: Path) -> State:
    """Whether `known` can be used on this machine."""
    if _holds(directory / f"{known.name}.onnx", known.sha256):
        return "ready"
    source = installed_file(known)
    if source is None:
        return "not installed"
    return "installed" if _holds(source, known.source_sha256) else "damaged"


def installed_file(known: KnownModel) -> Path | None:
    """The weights inside the installed package, found without importing it; None where it is not installed."""
    try:
        path = Path(str(metadata.distribution(known.package).locate_file(known.member)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None


def _checked_source(known: KnownModel) -> Path:
    source = installed_file(known)
    if source is None:
        raise ModelUnavailable(
            f"model {known.name} ({known.licence}) is not installed: run `make setup`, or `{known.install}`"
        )
    if not _holds(source, known.source_sha256):
        raise ModelUnavailable(
            f"{source} is not the file that {known.name} is made from (its SHA-256 is {_sha256(source)}, "
            f"expected {known.source_sha256}): run `{known.install} --reinstall`"
        )
    return source


def _converted(known: KnownModel, source: Path) -> bytes:
    if known.source_sha256 == known.sha256:
        return source.read_bytes()
    from alpr_edge_agent.models.checkpoint import read_checkpoint
    from alpr_edge_agent.models.yolov8 import build

    content: bytes = build(read_checkpoint(source)["model"]).SerializeToString(deterministic=True)
    if (found := hashlib.sha256(content).hexdigest()) != known.sha256:
        raise ModelUnavailable(
            f"converting {known.name} gave SHA-256 {found}, expected {known.sha256}: "
            f"onnx {metadata.version('onnx')} writes it differently; install onnx==1.23.2 and try again"
        )
    return content


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _holds(path: Path, sha256: str) -> bool:
    return path.is_file() and _sha256(path) == sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names(role: Role) -> str:
    return ", ".join(model.name for model in KNOWN if model.role == role)
