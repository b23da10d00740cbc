"""What was found, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Level: TypeAlias = Literal["ok", "warning", "problem", "not checked"]
LEVELS: Final[tuple[Level, ...]] = ("problem", "warning", "not checked", "ok")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        group: what it is part of: machine, data folder, GPU, cameras, node, sinks.
        check: what was looked at.
        seen: what was found; for "not checked" the reason.
        advice: what to do; empty where nothing is to be done.
    """

    level: Level
    group: str
    check: str
    seen: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Makes the findings of one group."""

    name: str

    def ok(self, check: str, seen: str) -> Finding:
        """All is well."""
        return Finding("ok", self.name, check, seen)

    def warning(self, check: str, seen: str, advice: str) -> Finding:
        """It works, but not as it could, or not for long."""
        return Finding("warning", self.name, check, seen, advice)

    def problem(self, check: str, seen: str, advice: str) -> Finding:
        """It does not work, or loses events."""
        return Finding("problem", self.name, check, seen, advice)

    def not_checked(self, check: str, reason: str, advice: str = "") -> Finding:
        """Nobody knows, because of `reason`."""
        return Finding("not checked", self.name, check, f"not checked, because {reason}", advice)


def has_problem(findings: Iterable[Finding]) -> bool:
    """Whether anything is a problem."""
    return any(found.level == "problem" for found in findings)


def counted(findings: Iterable[Finding]) -> str:
    """The sum in a sentence: "2 problems, 1 warning, 12 fine, 3 not checked"."""
    many = Counter(found.level for found in findings)
    told = [
        f"{many['problem']} {'problem' if many['problem'] == 1 else 'problems'}",
        f"{many['warning']} {'warning' if many['warning'] == 1 else 'warnings'}",
        f"{many['ok']} fine",
        f"{many['not checked']} not checked",
    ]
    return ", ".join(told)
