"""Fixtures: real servers, started once a run."""

from __future__ import annotations

from alpr_testing.api import api
from alpr_testing.browser import _window, browser
from alpr_testing.postgres import database, postgres

__all__ = ["_window", "api", "browser", "database", "postgres"]
