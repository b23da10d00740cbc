"""What is known of one vehicle while it passes: where it was, how it was read, which shot is its best."""

from __future__ import annotations

from dataclasses import dataclass, field

from alpr_edge_agent.frames import Box, FrameInfo
from alpr_edge_agent.passes.fusion import Evidence, Fused, Prior, Shapes, fuse
from alpr_edge_agent.passes.quality import weight
from alpr_edge_agent.recognize import Reading

MOVED_WIDTHS = 1.0
"""Plate widths that a centre must shift to be called a motion across the picture."""
GREW = 1.2
"""Last to first width that is called a motion along the view."""
STANDS_S = 2.0


@dataclass(slots=True)
class Budget:
    """How often a plate is still read.

    Attributes:
        prompt: the first readings come on every frame.
        every: then on every so many frames, or when the plate is `growth` times wider than at the last.
        most: readings in all; a plate that becomes twice as high gets as many anew, for it is another sight then.
    """

    prompt: int = 8
    every: int = 2
    growth: float = 1.12
    most: int = 16
    _used: int = 0
    _since: int = 0
    _width: float = 0.0
    _height: float = 0.0

    def wants(self, box: Box) -> bool:
        """Whether to read now; counts the frames it is asked for."""
        if box.height >= 2 * self._height:
            self._used, self._height = 0, box.height
        self._since += 1
        due = self._used < self.prompt or self._since >= self.every or box.width >= self.growth * self._width
        if self._used >= self.most or not due:
            return False
        self._used, self._since, self._width = self._used + 1, 0, box.width
        return True


@dataclass(frozen=True, slots=True)
class BestShot:
    """The frame that the evidence is kept from."""

    info: FrameInfo
    box: Box
    quality: float
    rank: float


@dataclass(slots=True)
class Passage:
    """One track's story so far."""

    track: int
    first: FrameInfo
    last: FrameInfo
    first_box: Box
    last_box: Box
    score: float
    sights: int = 1
    budget: Budget = field(default_factory=Budget)
    evidence: list[Evidence] = field(default_factory=list)
    shot: BestShot | None = None

    def see(self, info: FrameInfo, box: Box, score: float) -> None:
        """The plate is at `box` in this frame."""
        self.last, self.last_box, self.sights = info, box, self.sights + 1
        self.score = max(self.score, score)

    def read(self, info: FrameInfo, box: Box, reading: Reading | None, sharp: float | None) -> bool:
        """Take in a reading of this frame's view (None: no text); whether it is the best shot so far."""
        worth = weight(box.width, sharp)
        sure = reading.confidence if reading else 0.0
        if reading:
            self.evidence.append(Evidence(reading, worth * sure))
        rank = worth * (0.2 + 0.8 * sure)
        if self.shot is not None and rank <= self.shot.rank:
            return False
        self.shot = BestShot(info, box, worth, rank)
        return True

    def fused(self, prior: Prior, shapes: Shapes) -> Fused | None:
        """All readings together; None without any."""
        return fuse(self.evidence, prior, shapes) if self.evidence else None

    def stands(self) -> bool:
        """Whether the vehicle is parked: seen for a while, and hardly moved of late."""
        long_seen = (self.last.captured_at - self.first.captured_at).total_seconds() >= STANDS_S
        return long_seen and self.direction() == "stationary"

    def direction(self) -> str | None:
        """towards, away, left, right or stationary, in the picture; None for a single sight."""
        if self.sights < 2:
            return None
        start, end = self.first_box, self.last_box
        growth = end.width / max(start.width, 1.0)
        dx, dy = end.center[0] - start.center[0], end.center[1] - start.center[1]
        wide = max(start.width, end.width, 1.0)
        if growth >= GREW or growth <= 1 / GREW:
            return self._along(growth, abs(dx) / wide)
        if max(abs(dx), abs(dy)) < MOVED_WIDTHS * wide:
            stood = (self.last.captured_at - self.first.captured_at).total_seconds() >= STANDS_S
            return "stationary" if stood else None
        if abs(dx) >= abs(dy):
            return "left" if dx < 0 else "right"
        return "towards" if dy > 0 else "away"

    def _along(self, growth: float, shift: float) -> str:
        """Across beats along where the plate shifted much and grew little."""
        across = shift > 4.0 and 1 / 1.5 < growth < 1.5
        if across:
            return "left" if self.last_box.center[0] < self.first_box.center[0] else "right"
        return "towards" if growth > 1 else "away"
