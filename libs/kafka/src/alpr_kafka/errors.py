"""KafkaKitError
├── Unavailable      the other side is down           → pause, keep polling, try again, for ever
├── Fenced           another one has the partition    → drop the batch, go on with what is assigned next
│   └── Rewound      the database lost what it had    → drop the batch, go back to where the database stands
├── Misdeployed      a right or a column is missing   → not ready, stop, page somebody
└── DeadLetterFlood  most records are refused         → stop: the fault is ours, or a deployment's
Undecodable          bytes that hold no record of their topic → a dead letter
Anything else is a bug: let it end the process.
"""  # noqa: D205 - a drawing

from __future__ import annotations

from alpr_kafka.records import DeadLetterKind


class KafkaKitError(Exception):
    """An error of consuming or producing that somebody can act on."""


class Unavailable(KafkaKitError):
    """The other side is down, or asks to come again."""


class Fenced(KafkaKitError):
    """Another consumer has claimed the partition since."""


class Rewound(Fenced):
    """The database stands earlier than it had confirmed: what came since has to be read again."""


class Misdeployed(KafkaKitError):
    """Trying again cannot help, and the data are not at fault: the message says what to mend."""


class DeadLetterFlood(KafkaKitError):
    """More records are refused than bad data explain."""


class Undecodable(ValueError):
    """Bytes that cannot be read as their topic says.

    Attributes:
        kind: what the dead letter shall be called.
        reason: one sentence, without any content of the bytes.
    """

    def __init__(self, kind: DeadLetterKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
