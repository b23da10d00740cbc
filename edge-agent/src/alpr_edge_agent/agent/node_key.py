"""The node's X25519 key: made at first boot, kept beside the assignment, its public half in the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import structlog

from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.errors import NodeKeyUnusable
from alpr_sealing import SealingError, key_id, new_private_key, public_key

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NodeKey:
    """A key pair; the private half is in no repr."""

    private: bytes = field(repr=False)
    public: str

    @property
    def id(self) -> str:
        """The short name of the public half."""
        return key_id(self.public)


def node_key(path: Path) -> NodeKey:
    """The key at `path`, made there with mode 0600 where there is none.

    Raises NodeKeyUnusable where the file is no key: making another would break what was sealed to the first.
    """
    try:
        private = path.read_bytes()
    except FileNotFoundError:
        return _made(path)
    except OSError as e:
        raise NodeKeyUnusable(f"{path}: {e.strerror}; make it readable to the agent's user alone") from e
    try:
        return NodeKey(private, public_key(private))
    except (SealingError, ValueError, TypeError) as e:
        raise NodeKeyUnusable(
            f"{path} is no X25519 key of 32 bytes; put it back from a copy, or delete it and the node's EdgeReport"
        ) from e


def _made(path: Path) -> NodeKey:
    private = new_private_key()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, private, mode=0o600)
    except OSError as e:
        raise NodeKeyUnusable(f"{path}: {e.strerror}; make the folder writable to the agent's user") from e
    key = NodeKey(private, public_key(private))
    log.info("node_key_made", key_id=key.id)
    return key
