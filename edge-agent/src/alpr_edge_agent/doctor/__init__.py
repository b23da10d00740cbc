"""`alpr doctor`: facts of a machine or a node in, findings out, each with what to do.

`facts.py` says what can be known. `look/` gathers it, a thin module a subject; `rules/` judges it and is pure. A thing
that cannot be looked at is a finding of its own ("not checked", with the reason), never a guess.
"""
