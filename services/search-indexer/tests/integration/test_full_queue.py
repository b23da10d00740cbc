"""Row 14: an engine that says 429 gets the same documents again, those alone, until it has room."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from alpr_search_indexer.documents import line, of_event
from alpr_search_indexer.metrics import RETRIES
from alpr_search_indexer.search_engine import SearchEngine
from alpr_search_indexer.settings import OpenSearchSettings
from alpr_search_indexer.writer import Pace, Work, Writer

pytestmark = pytest.mark.integration


@pytest.fixture
def narrow(opensearch):
    """The node with one writing thread and a queue of one."""
    opensearch.settings = {"thread_pool.write.size": "1", "thread_pool.write.queue_size": "1"}
    opensearch.stop()
    opensearch.start()
    yield
    opensearch.settings = {}
    opensearch.stop()
    opensearch.start()


def test_row_14_documents_that_found_no_room_are_sent_again_alone(narrow, catalogue, names, event, held, engine_url):
    now = datetime.now(UTC) + timedelta(days=365)
    lines = [line(of_event(event(n), now), names.written) for n in range(4000)]
    before = RETRIES._value.get()
    work = Work(lines)
    pace = Pace(size=50, threads=16, tries=100, first_delay_s=0.01, longest_delay_s=0.1)
    many = SearchEngine(OpenSearchSettings(hosts=(engine_url,), threads=16))
    with closing(many), closing(Writer(many, catalogue.make_month, pace)) as writer:
        writer.settle(work)
    assert RETRIES._value.get() - before > 0
    assert (work.indexed + work.present, work.refused) == (4000, [])
    assert held() == {e.event_id for e in lines}
