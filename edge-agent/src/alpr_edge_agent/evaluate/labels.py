"""Labelled photos: a CSV file with a row a plate."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from alpr_edge_agent.errors import LabelsError
from alpr_edge_agent.frames import Box
from alpr_plates.text import normalize

COLUMNS = ("path", "x", "y", "width", "height", "text")


@dataclass(frozen=True, slots=True)
class Label:
    """One plate that is known to be in a photo.

    Attributes:
        path: of the photo, as the file says it, relative to the file.
        group: the set it belongs to; "" where the file has no such column.
        text: normalised.
    """

    path: str
    group: str
    box: Box
    text: str


def read_labels(path: Path) -> list[Label]:
    """The labels of the CSV file at `path`: columns path, x, y, width, height, text, and set where there are several.

    Raises:
        LabelsError: it cannot be read; the text names file, line and column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                wanted = ", ".join(COLUMNS)
                raise LabelsError(f"{path}: no column {', '.join(missing)}; the first line must name {wanted}")
            labels = [_label(row, f"{path}, line {rows.line_num}") for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelsError(f"{path}: cannot be read as CSV ({error})") from error
    if not labels:
        raise LabelsError(f"{path}: holds no labels; add a line a plate")
    return labels


def _label(row: dict[str, str], place: str) -> Label:
    try:
        x, y, width, height = (float(row[column]) for column in ("x", "y", "width", "height"))
    except (TypeError, ValueError) as error:
        raise LabelsError(f"{place}: x, y, width and height must be numbers of pixels ({error})") from error
    if not (width > 0 and height > 0):
        raise LabelsError(f"{place}: width and height must be above 0")
    text = normalize(row["text"] or "")
    if not text:
        raise LabelsError(f"{place}: column text holds no letter or digit")
    return Label(row["path"], row.get("set") or "", Box(x, y, x + width, y + height), text)
