"""A comparison as people and programs read it: pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from alpr_search_indexer.pictures import PictureReport
from alpr_search_indexer.reconcile import Difference, Report

_SHOWN = 50


def facts(report: Report, pictures: PictureReport | None) -> dict[str, Any]:
    """The comparison as a document."""
    differences = [
        {
            "site": d.cell.site, "camera": d.cell.camera, "hour": d.cell.hour.isoformat(), "missing": d.missing,
            "driven": d.driven, "unstored": d.unstored,
        }
        for d in report.differences
    ]  # fmt: skip
    return {
        "since": report.since.isoformat(), "until": report.until.isoformat(), "stored": report.stored,
        "indexed": report.indexed, "missing": report.missing, "driven": report.driven, "unstored": report.unstored,
        "agrees": report.agrees, "differences": differences, "pictures": asdict(pictures) if pictures else None,
    }  # fmt: skip


def said(report: Report, pictures: PictureReport | None, *, drive: bool) -> str:
    """The comparison for a person; `drive` tells whether what is missing was to be indexed."""
    lines = [_summary(report), *map(_line, report.differences[:_SHOWN])]
    if len(report.differences) > _SHOWN:
        lines.append(f"  … and {len(report.differences) - _SHOWN} more; --json has all")
    if report.missing and not drive:
        lines.append(f"{report.missing} events are missing from the index; --drive indexes them")
    elif report.missing:
        lines.append(f"{report.driven} of {report.missing} missing events are indexed now")
    elif not report.unstored:
        lines.append("database and index agree")
    if pictures is not None:
        lines.append(
            f"pictures: {pictures.looked_at} looked at; missing {pictures.missing}, orphaned {pictures.orphaned}"
        )
    return "\n".join(lines)


def _summary(report: Report) -> str:
    period = f"{report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} UTC"
    return f"{period}: {report.stored:,} events stored, {report.indexed:,} documents indexed"


def _line(d: Difference) -> str:
    where = f"{d.cell.site or '-'} {d.cell.camera} {d.cell.hour:%Y-%m-%d %H}h"
    ahead = f", {d.unstored} not stored (yet)" if d.unstored else ""
    return f"  {where}: {d.missing} missing, {d.driven} driven{ahead}"
