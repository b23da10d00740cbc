"""What can go wrong in the operator, by who must act.

OperatorError
├── LeaseLost     another replica may lead → write nothing more, end the process
└── WatchLost     a watch ended for good → end the process; the Deployment starts it anew
"""

from __future__ import annotations


class OperatorError(Exception):
    """What the operator cannot go on from."""


class LeaseLost(OperatorError):
    """Another replica may lead: write nothing more."""


class WatchLost(OperatorError):
    """A watch ended for good."""
