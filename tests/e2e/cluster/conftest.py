"""One real node for the tests of this folder, with the images of this checkout and stand-ins of the servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alpr_testing.cluster import Cluster, own_images, running_cluster, stand_ins


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A node without anything of ours but images; one a module, so that each begins with nothing."""
    folder: Path = tmp_path_factory.mktemp("cluster")
    with running_cluster(folder, [*own_images(), *stand_ins()]) as made:
        yield made
