"""The ledger's arithmetic against plain sets, and how copied agents show."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alpr_storage_consumer.ledger import Boots, Group, Home, LedgerKey, judge, multirange, seen_and_dead, spans

TOPIC = "plates"
HOME = Home("agent", TOPIC, 0)


def group(boot, numbers, first_row, home=HOME):
    return Group(
        LedgerKey("agent", boot, TOPIC), home, "s", list(numbers), list(range(first_row, first_row + len(numbers)))
    )


def boots(*known):
    found = Boots()
    found.learn(HOME, known)
    return found


@given(st.lists(st.integers(1, 200)))
def test_spans_hold_exactly_the_numbers(numbers):
    found = spans(numbers)
    assert {n for first, after in found for n in range(first, after)} == set(numbers)
    assert all(a[1] < b[0] for a, b in pairwise(found))


def test_a_multirange_reads_as_postgres_writes_it():
    assert multirange([]) == "{}"
    assert multirange([(1, 3), (7, 8)]) == "{[1,3),[7,8)}"


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)))
def test_numbers_that_came_before_are_looked_at_again_and_no_others(numbers, seen):
    ordered = sorted(numbers)
    judged = judge([group("b", ordered, 0)], {LedgerKey("agent", "b", TOPIC): spans(seen & numbers)}, boots("b"))
    assert judged.again.get(TOPIC, set()) == {row for row, n in enumerate(ordered) if n in seen}
    assert not judged.copies


@given(st.lists(st.integers(1, 20), min_size=1))
def test_within_a_batch_only_the_first_of_a_number_is_new(numbers):
    judged = judge([group("b", numbers, 0)], {}, boots("b"))
    first = {number: numbers.index(number) for number in numbers}
    assert judged.again.get(TOPIC, set()) == set(range(len(numbers))) - set(first.values())


def test_a_restart_is_no_copy():
    judged = judge([group("one", [8, 9], 0), group("two", [1, 2], 2)], {}, boots("one"))
    assert (judged.copies, judged.boots) == ({}, [(HOME, "two")])


def test_new_numbers_of_an_earlier_boot_are_a_copys():
    judged = judge([group("one", [10, 11], 0)], {}, boots("one", "two"))
    assert judged.copies == {TOPIC: {0, 1}}


def test_old_numbers_of_an_earlier_boot_are_sent_again():
    judged = judge([group("one", [10, 11], 0)], {LedgerKey("agent", "one", TOPIC): [(10, 12)]}, boots("one", "two"))
    assert (judged.copies, judged.again) == ({}, {TOPIC: {0, 1}})


def test_two_copies_that_take_turns_within_a_batch_are_seen():
    one, two = group("one", [1], 0), group("two", [1, 2], 1)
    one.numbers.append(2)
    one.rows.append(3)
    assert judge([one, two], {}, boots()).copies == {TOPIC: {3}}


def test_records_without_an_order_are_not_judged():
    judged = judge([group("one", [10, 10], 0, home=None)], {}, boots("two"))
    assert (judged.copies, judged.again, judged.boots) == ({}, {}, [])


@given(st.lists(st.integers(1, 99), unique=True), st.data())
def test_each_number_is_seen_or_dead(numbers, data):
    refused = data.draw(st.sets(st.integers(0, max(len(numbers) - 1, 0))))
    ((_, seen, dead),) = seen_and_dead([group("b", numbers, 0)], {TOPIC: refused})
    assert sorted(seen + dead) == sorted(numbers)
    assert dead == [n for row, n in enumerate(numbers) if row in refused]
