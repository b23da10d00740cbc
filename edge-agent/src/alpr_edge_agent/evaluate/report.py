"""The report of a run as one HTML page: scores, a comparison, and every failure with its picture. No outside files."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from html import escape

import cv2
import numpy as np

from alpr_edge_agent.evaluate.run import Judged
from alpr_edge_agent.evaluate.score import Comparison, Score, Verdict, confusions
from alpr_edge_agent.frames import BgrImage, Box
from alpr_edge_agent.reading.annotate import GREEN, RED, draw, jpeg

MAX_PICTURES = 300
"""Failures shown with a picture; the rest are listed without, so that the page still opens."""

_WIDTH_PX = 440

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #f6f7f9; --card: #fff; --line: #d9dee5; --soft: #5d6875;
  --bad: #c0262d; --good: #1b7f4b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --paper: #14181e; --card: #1d232c; --line: #333c48;
  --soft: #9aa6b4; --bad: #ff7b80; --good: #5fd39a; } }
body { margin: 0 auto; max-width: 1100px; padding: 2rem 1rem 4rem; font: 16px/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p.lead { color: var(--soft); margin: 0; }
.table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; background: var(--card); }
th, td { text-align: right; padding: .45rem .7rem; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; } .total tr:last-child { font-weight: 600; }
.chips { display: flex; flex-wrap: wrap; gap: .5rem; padding: 0; margin: 0; list-style: none; }
.chips li { background: var(--card); border: 1px solid var(--line); border-radius: 99px; padding: .1rem .8rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
figure img { display: block; width: 100%; } figcaption { padding: .6rem .8rem; }
.plate { font: 600 1.1rem/1.4 ui-monospace, monospace; letter-spacing: .06em; }
.want::before { content: "label "; } .got::before { content: "read "; }
.plate::before { font: 400 .8rem system-ui; letter-spacing: 0; color: var(--soft); }
mark { background: none; color: var(--bad); text-decoration: underline; }
small { color: var(--soft); overflow-wrap: anywhere; } .good { color: var(--good); } .bad { color: var(--bad); }
"""


def render(
    judged: Sequence[Judged],
    scores: Mapping[str, Score],
    comparison: Mapping[str, Comparison] | None,
    load: Callable[[str], BgrImage | None],
) -> str:
    """The page; `load` gives the pixels of a photo by its labelled path, None where they cannot be had."""
    failures = [(photo, verdict) for photo in judged for verdict in photo.verdicts if not verdict.strict]
    parts = [
        f"<h1>Plates read from {len(judged)} photos</h1>",
        f'<p class="lead">{_outcome(scores["all"])}</p>',
        "<h2>Scores</h2>",
        _score_table(scores),
        _comparison(comparison) if comparison else "",
        "<h2>Characters mixed up</h2>",
        _confusions([verdict for photo in judged for verdict in photo.verdicts]),
        f"<h2>{len(failures)} plates not read exactly</h2>",
        _legend(),
        '<div class="cards">',
        *(_card(*failure, load if i < MAX_PICTURES else _no_picture) for i, failure in enumerate(failures)),
        "</div>",
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    title = "<title>Plates read from labelled photos</title>"
    body = "\n".join(parts)
    return (
        f'<!doctype html><html lang="en"><head>{head}{title}<style>{STYLE}</style></head><body>{body}</body></html>\n'
    )


def percent(share: float) -> str:
    """A share as a figure people read."""
    return f"{100 * share:.1f} %"


def _outcome(total: Score) -> str:
    texts = f"{percent(total.strict)} of {total.plates} plates read exactly, {percent(total.folded)} with O as 0"
    return f"{texts}; {percent(total.found)} found."


def _score_table(scores: Mapping[str, Score]) -> str:
    head = ("set", "photos", "found", "tight", "strict", "folded", "extra / 100", "character errors")
    rows = [
        (
            name,
            str(s.photos),
            *map(percent, (s.found, s.tight, s.strict, s.folded)),
            f"{s.extra:.1f}",
            percent(s.character_error_rate),
        )
        for name, s in scores.items()
    ]
    return _table(head, rows, "total")


def _comparison(comparison: Mapping[str, Comparison]) -> str:
    rows = [
        (name, f"+{len(c.gained)}", f"-{len(c.lost)}", f"{c.p:.3f}", "yes" if c.p < 0.05 else "no")
        for name, c in comparison.items()
    ]
    head = ("", "newly right", "newly wrong", "p (exact McNemar)", "significant at 5 %")
    return "<h2>Against the other run</h2>" + _table(head, rows)


def _confusions(verdicts: Sequence[Verdict]) -> str:
    common = confusions(verdicts).most_common(12)
    if not common:
        return "<p>None in plates of the right length.</p>"
    chips = "".join(f"<li>{escape(want)} → {escape(got)} <small>x{n}</small></li>" for (want, got), n in common)
    return f'<p><small>label → read</small></p><ul class="chips">{chips}</ul>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="table {kind}"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _legend() -> str:
    return '<p><span class="good">green</span>: the labelled plate. <span class="bad">red</span>: what was read.</p>'


def _card(photo: Judged, verdict: Verdict, load: Callable[[str], BgrImage | None]) -> str:
    image = load(photo.photo.path)
    shown = f'<img alt="" loading="lazy" src="{_data_uri(_view(image, photo, verdict))}">' if image is not None else ""
    notes = [photo.photo.path, *_notes(photo, verdict)]
    want, got = _differences(verdict.label.text, verdict.text)
    texts = f'<div class="plate want">{want}</div><div class="plate got">{got or "nothing"}</div>'
    return f"<figure>{shown}<figcaption>{texts}<small>{escape(' · '.join(notes))}</small></figcaption></figure>"


def _notes(photo: Judged, verdict: Verdict) -> list[str]:
    found = verdict.prediction
    sure = [f"confidence {p.confidence:.2f}" for p in photo.photo.plates if found and p.text == found.text][:1]
    facts = [(verdict.folded, "right with O as 0"), (not verdict.found, "place not found")]
    error = [photo.photo.error] if photo.photo.error else []
    return [photo.group, *sure, *(note for applies, note in facts if applies), *error]


def _differences(want: str, got: str) -> tuple[str, str]:
    blocks = SequenceMatcher(None, want, got, autojunk=False).get_opcodes()
    return (
        "".join(_marked(want[a:b], same=kind == "equal") for kind, a, b, _, _ in blocks),
        "".join(_marked(got[a:b], same=kind == "equal") for kind, _, _, a, b in blocks),
    )


def _marked(text: str, *, same: bool) -> str:
    return escape(text) if same or not text else f"<mark>{escape(text)}</mark>"


def _view(image: BgrImage, photo: Judged, verdict: Verdict) -> BgrImage:
    """The surroundings of the labelled plate, all boxes drawn; the whole photo where the plate was not found."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = _surroundings(verdict.label.box, width, height) if verdict.found else (0, 0, width, height)
    factor = _WIDTH_PX / (x2 - x1)
    shown = np.asarray(cv2.resize(image[y1:y2, x1:x2], (_WIDTH_PX, max(1, round((y2 - y1) * factor)))), np.uint8)
    moved = [_moved(Box(*plate.box), x1, y1, factor) for plate in photo.photo.plates]
    read = draw(shown, [(box, "") for box in moved], RED)
    return draw(read, [(_moved(verdict.label.box, x1, y1, factor), "")], GREEN)


def _surroundings(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    (x, y), reach = box.center, 1.2 * box.width
    left, right = max(0, int(x - reach)), min(width, int(x + reach))
    return left, max(0, int(y - reach * 0.6)), right, min(height, int(y + reach * 0.6))


def _moved(box: Box, left: int, top: int, factor: float) -> Box:
    xs, ys = ((x - left) * factor for x in (box.x1, box.x2)), ((y - top) * factor for y in (box.y1, box.y2))
    (x1, x2), (y1, y2) = xs, ys
    return Box(x1, y1, x2, y2)


def _data_uri(image: BgrImage) -> str:
    return f"data:image/jpeg;base64,{b64encode(jpeg(image, quality=80)).decode()}"


def _no_picture(_: str) -> None:
    return None
