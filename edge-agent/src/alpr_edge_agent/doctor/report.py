"""Findings for people, as a table, and for programs, as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from alpr_edge_agent.doctor.findings import LEVELS, Finding, Level, counted

_STYLES: Final[dict[Level, str]] = {"ok": "green", "warning": "yellow", "problem": "bold red", "not checked": "dim"}


def as_json(findings: Sequence[Finding]) -> str:
    """One object: the counts by level, and each finding."""
    counts = {level: sum(found.level == level for found in findings) for level in LEVELS}
    return json.dumps({"counts": counts, "findings": [asdict(found) for found in findings]}, indent=2)


def print_table(findings: Sequence[Finding]) -> None:
    """A block a group, a finding a row, and below it what to do; at the end the sum."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    for group in dict.fromkeys(found.group for found in findings):
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column(no_wrap=True, min_width=11)
        table.add_column(overflow="fold")
        for found in findings:
            if found.group == group:
                advice = [(f"\nwhat to do: {found.advice}", "cyan")] if found.advice else []
                told = Text.assemble((found.check, "bold"), f": {found.seen}", *advice)
                table.add_row(Text(found.level, _STYLES[found.level]), told)
        console.print(Text(group, "bold underline"), table, "")
    console.print(counted(findings))
