"""What `alpr models list` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from alpr_edge_agent.models.catalog import KNOWN, KnownModel
from alpr_edge_agent.models.settings import default_models_dir
from alpr_edge_agent.models.store import installed_file, state


def listing(directory: Path | None = None) -> list[dict[str, str | None]]:
    """One object a known model; `where` is None until it is installed, `install` the line that installs it."""
    return [_entry(known, directory or default_models_dir()) for known in KNOWN]


def print_table(entries: Sequence[Mapping[str, str | None]]) -> None:
    """A table for people on stdout, and the lines that install what is missing."""
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "role", "licence", "package", "state", "digest", "where", box=None, pad_edge=False)
    for entry in entries:
        shown = ("name", "role", "licence", "package", "state")
        where = entry["where"] or ""
        table.add_row(*(entry[key] for key in shown), (entry["digest"] or "")[:19] + "…", where)
    console = Console(highlight=False, markup=False)
    console.print(table)
    for entry in entries:
        if entry["state"] in {"not installed", "damaged"}:
            console.print(f"{entry['name']}: run `make setup`, or `{entry['install']}`")


def _entry(known: KnownModel, directory: Path) -> dict[str, str | None]:
    found = state(known, directory)
    source = installed_file(known)
    where = directory / f"{known.name}.onnx" if found == "ready" else source
    return {
        "name": known.name,
        "role": known.role,
        "licence": known.licence,
        "description": known.description,
        "package": known.requirement,
        "digest": f"sha256:{known.sha256}",
        "state": found,
        "where": str(where) if where else None,
        "install": known.install,
    }
