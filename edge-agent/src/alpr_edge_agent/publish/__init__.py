"""Publishers take events out of the outbox to whoever keeps them: the seam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from alpr_edge_agent.outbox.reader import OutboxRow


class Publisher(Protocol):
    """Delivers events."""

    def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Returns when all `rows` are kept durably elsewhere; rows may have been sent before. Blocks.

        Raises DeliveryUnavailable when the other side is down: nothing may be deleted then, the same rows come again.
        """


class ImageSink(Protocol):
    """Keeps evidence."""

    def put_if_absent(self, key: str, data: bytes) -> None:
        """Returns when `data` is kept durably under `key`, or was so before. Blocks.

        Raises DeliveryUnavailable when the other side is down.
        """
