"""Plate text: normalise, fold, compare, region grammars. Pure."""
