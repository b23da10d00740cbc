"""EdgeError
├── ModelUnavailable     weights are not installed, or are not what they should be → install them
├── BackendUnavailable   the runtime of a backend is missing → install its extra, or choose another
├── PhotoError           this picture cannot be read → named, skipped, the others go on
├── OutputError          a file that was asked for cannot be written → choose another place
├── LabelsError          labels or a saved run cannot be used → correct the file
├── SourceUnavailable    a camera or file gives no pictures → said in its status, tried again
│   └── SourceRefused    the camera refuses user or password → correct the Secret
├── OutboxUnavailable    the outbox's disk is full or gone → nothing was stored; try again, free space
├── DeliveryUnavailable  the other side is down → what waits, waits on; try again later
├── FetchFailed          a model cannot be fetched now → tried again later
├── DigestMismatch       what was fetched is not the model that was named → correct url or digest
├── TrialFailed          models do not survive their self-test, or read too little → give others
├── NodeKeyUnusable      the node's private key cannot be read or made → repair the file
├── NoCluster            the agent cannot know how to reach the API server → name a kubeconfig
└── AssignmentUnreadable no copy of the assignment can be read → write it anew
Anything else is a bug: let it end the process.
"""  # noqa: D205 - a drawing

from __future__ import annotations


class EdgeError(Exception):
    """An error of the edge agent that somebody can act on; its text says what to do."""


class ModelUnavailable(EdgeError):
    """Weights are not installed, or their digest is not the pinned one."""


class BackendUnavailable(EdgeError):
    """The runtime behind a backend is not installed."""


class PhotoError(EdgeError):
    """A picture cannot be read."""


class OutputError(EdgeError):
    """A file that was asked for cannot be written."""


class LabelsError(EdgeError):
    """A file of labels, or a saved run, cannot be used."""


class OutboxUnavailable(EdgeError):
    """The outbox's disk is full or gone; nothing of the call was stored."""


class DeliveryUnavailable(EdgeError):
    """The other side cannot take events or pictures now; the same call may succeed later."""


class AssignmentUnreadable(EdgeError):
    """No copy of the assignment on disk can be read."""


class FetchFailed(EdgeError):
    """A model cannot be fetched now; the same call may succeed later."""


class DigestMismatch(EdgeError):
    """What was fetched is not the model that was named."""


class TrialFailed(EdgeError):
    """Models cannot be opened, do not survive the clip of the self-test, or read too little of it."""


class NodeKeyUnusable(EdgeError):
    """The node's private key cannot be read, or not be made."""


class NoCluster(EdgeError):
    """The agent is told of no API server."""


class SourceUnavailable(EdgeError):
    """A camera or a file gives no pictures; the text says why and what to do, and holds no address."""


class SourceRefused(SourceUnavailable):
    """The camera refuses the user or the password."""
