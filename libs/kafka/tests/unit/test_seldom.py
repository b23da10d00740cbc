"""An outage of hours is a line every ten seconds."""

from alpr_kafka.seldom import Seldom


def test_each_word_passes_once_in_its_time():
    now = [0.0]
    seldom = Seldom(10.0, lambda: now[0])
    passed = []
    for tenth in range(250):
        now[0] = tenth / 10
        passed += [(word, now[0]) for word in ("_TRANSPORT", "_ALL_BROKERS_DOWN") if seldom.due(word)]
    assert passed == [(word, at) for at in (0.0, 10.0, 20.0) for word in ("_TRANSPORT", "_ALL_BROKERS_DOWN")]
