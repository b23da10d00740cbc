"""Words on the command line."""

import click
import pytest

from alpr_dlq_consumer.choosing import Choice, Rate, chosen


@pytest.mark.parametrize(
    ("said", "per_s"), [("100/s", 100.0), ("600/min", 10.0), ("3600/h", 1.0), ("2.5", 2.5), ("1/h", 1 / 3600)]
)
def test_rate_is_letters_a_second(said, per_s):
    assert Rate().convert(said, None, None) == pytest.approx(per_s)


@pytest.mark.parametrize("said", ["0/s", "-1", "fast", "10/day", "1e9", ""])
def test_rate_that_is_none_is_refused_with_an_example(said):
    with pytest.raises(click.BadParameter, match="100/s"):
        Rate().convert(said, None, None)


def test_choice_without_words_is_refused_where_all_would_be_changed():
    with pytest.raises(click.UsageError, match="--all"):
        Choice(None, None, ()).explicit(everything=False)
    assert Choice(None, None, ()).explicit(everything=True).selection(("new",)).ids is None


def test_consumers_complete_in_the_shell():
    @click.command()
    @chosen
    def command(choice):
        assert choice is not None

    option = next(p for p in command.params if p.name == "consumer")
    items = option.shell_complete(click.Context(command), "in")
    assert [item.value for item in items] == ["indexer"]
