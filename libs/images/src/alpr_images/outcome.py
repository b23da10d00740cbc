"""What became of a picture."""

from __future__ import annotations

from typing import Literal

Outcome = Literal["stored", "there", "mended"]
"""It was put; one was there before, and stayed; a torn one lay there, and was replaced."""
