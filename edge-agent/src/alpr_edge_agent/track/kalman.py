"""Kalman filters of one box: centre, width and height, each with its own speed, over uneven time steps.

The four coordinates are filtered apart (a 2 x 2 covariance each): for boxes this is what SORT's 8-state filter comes
to (Bewley et al., 2016), and closed forms need no matrix library. All noise is in plate widths, so that near and far
plates are followed alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

MEASURED = 0.15
"""Standard deviation of a detected coordinate, in plate widths: what boxes jitter, and a camera on its pole."""

FIRST_SPEED = np.array([12.0, 10.0, 2.0, 2.0])
"""Standard deviation of an unknown speed of (x, y, width, height), in plate widths a second: a car that crosses at
40 km/h passes some 25 of its plate's widths a second."""

ACCELERATION = np.array([14.0, 10.0, 5.0, 5.0])
"""Standard deviation of the acceleration, plate widths per second squared: perspective speeds a near car up."""

GROWTH = 1.5
"""A size is predicted at most by this factor off the last one: half-hidden plates otherwise vanish by extrapolation."""


def measurement(box: Vector) -> Vector:
    """(x1, y1, x2, y2) → (centre x, centre y, width, height)."""
    x1, y1, x2, y2 = box
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])


class BoxFilter:
    """Where a box is, how fast it moves, and how sure that is; driven by `predict`, then `correct`."""

    def __init__(self, box: Vector) -> None:
        self.at = measurement(box)
        self.size = self.at[2:].copy()
        self.speed = np.zeros(4)
        unit = self._unit()
        self._pp = np.full(4, (MEASURED * unit) ** 2)
        self._pv = np.zeros(4)
        self._vv = (FIRST_SPEED * unit) ** 2

    def predict(self, dt_s: float) -> None:
        """Move on by `dt_s` seconds (0 or more)."""
        noise = (ACCELERATION * self._unit()) ** 2
        self.at = self.at + self.speed * dt_s
        self.at[2:] = np.clip(self.at[2:], self.size / GROWTH, self.size * GROWTH)
        self._pp = self._pp + 2 * dt_s * self._pv + dt_s**2 * self._vv + noise * dt_s**4 / 4
        self._pv = self._pv + dt_s * self._vv + noise * dt_s**3 / 2
        self._vv = self._vv + noise * dt_s**2

    def correct(self, box: Vector) -> None:
        """Take in a detected box."""
        spread = self._pp + self._noise()
        gain, gain_v = self._pp / spread, self._pv / spread
        self.size = measurement(box)[2:]
        off = measurement(box) - self.at
        self.at, self.speed = self.at + gain * off, self.speed + gain_v * off
        self._vv = self._vv - gain_v * self._pv
        self._pp, self._pv = (1 - gain) * self._pp, (1 - gain) * self._pv

    def distance(self, box: Vector) -> float:
        """Squared Mahalanobis distance of the box's centre from where it is expected.

        Of a plate that is half hidden, now or before, any part may be what shows: the centre is free by that much.
        """
        return float((self._off(box) ** 2 / (self._pp + self._noise())[:2]).sum())

    def widths_off(self, box: Vector) -> float:
        """The same in plate widths, whatever is known of the speed."""
        return float(np.hypot(*self._off(box)) / self._unit())

    def _off(self, box: Vector) -> Vector:
        off = measurement(box) - self.at
        off[0] = max(0.0, abs(off[0]) - abs(off[2]) / 2)
        return off[:2]

    def _unit(self) -> float:
        return float(max(self.at[2], self.size[0], self.size[1], 4.0))

    def _noise(self) -> float:
        return (MEASURED * self._unit()) ** 2 + 1.0  # a pixel of rounding for the smallest
