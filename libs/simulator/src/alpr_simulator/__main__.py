"""`python -m alpr_simulator`: the same as `alpr simulate`."""

from __future__ import annotations

from alpr_simulator.commands import simulate

if __name__ == "__main__":
    simulate()
