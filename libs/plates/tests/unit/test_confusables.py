"""Look-alikes are mutual, and only of characters that plates hold."""

from alpr_plates.confusables import CONFUSABLE, PAIRS
from alpr_plates.text import ALPHABET, fold


def test_being_mistaken_is_mutual() -> None:
    assert all(one in CONFUSABLE[other] for one, others in CONFUSABLE.items() for other in others)


def test_a_character_is_not_its_own_look_alike_and_no_pair_comes_twice() -> None:
    assert len({frozenset(pair) for pair in PAIRS}) == len(PAIRS)
    assert all(len(set(pair)) == 2 and set(pair) <= set(ALPHABET) for pair in PAIRS)


def test_what_search_folds_together_is_confusable() -> None:
    assert all(fold(character) == character or fold(character) in CONFUSABLE[character] for character in ALPHABET)
