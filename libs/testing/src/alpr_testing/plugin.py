"""Fixtures: real servers, started once a run."""

from __future__ import annotations

import os

from hypothesis import settings

from alpr_testing.api import api
from alpr_testing.browser import _window, browser
from alpr_testing.control_plane import cluster, control_plane, namespace
from alpr_testing.kafka import broker, topic
from alpr_testing.object_store import bucket, object_store
from alpr_testing.opensearch import index_prefix, opensearch
from alpr_testing.own_postgres import own_postgres
from alpr_testing.postgres import database, postgres
from alpr_testing.registry import registry
from alpr_testing.timescale import timescale

__all__ = [
    "_window",
    "api",
    "broker",
    "browser",
    "bucket",
    "cluster",
    "control_plane",
    "database",
    "index_prefix",
    "namespace",
    "object_store",
    "opensearch",
    "own_postgres",
    "postgres",
    "registry",
    "timescale",
    "topic",
]

# Timing decides no test; and CI runs the same examples twice, so that what it says of a change is of the change.
settings.register_profile("ours", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("ours")
