"""ONNX Runtime, FFmpeg, the models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alpr_edge_agent.doctor.facts import Engines, ModelSeen
from alpr_edge_agent.errors import ModelUnavailable
from alpr_edge_agent.models import KNOWN, default_models_dir, state


def look_at_engines() -> Engines:
    """What can be imported, and what it brings."""
    runtime, providers, error = _onnxruntime()
    av, codecs = _codecs()
    return Engines(runtime, providers, av, codecs, error)


def _onnxruntime() -> tuple[str | None, tuple[str, ...], str]:
    try:
        import onnxruntime
    except ImportError as e:  # also where its library is for another processor
        return None, (), str(e).splitlines()[0]
    return str(onnxruntime.__version__), tuple(onnxruntime.get_available_providers()), ""


def _codecs() -> tuple[str | None, frozenset[str]]:
    try:
        import av
    except ImportError:
        return None, frozenset()
    return str(av.__version__), frozenset(name for name in ("h264", "hevc") if name in av.codecs_available)


def look_at_models(directory: Path | None) -> Iterator[ModelSeen]:
    """The models that this version knows; what is ready is opened."""
    folder = directory or default_models_dir()
    for known in KNOWN:
        found = state(known, folder)
        opens = _opens(folder / f"{known.name}.onnx") if found == "ready" else None
        yield ModelSeen(known.name, found, known.install, opens)


def _opens(path: Path) -> str:
    try:
        from alpr_edge_agent.runtime import open_session

        open_session(path, threads=1)
    except (ModelUnavailable, ImportError) as e:
        return str(e).splitlines()[0]
    return ""
