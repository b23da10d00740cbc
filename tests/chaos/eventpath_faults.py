"""The faults of the event path, each with its weight; and the supervisor that brings back what they kill."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from alpr_testing.zygote import Forked, Zygote

FAILPOINT_STATUS = -signal.SIGKILL
_BACK_AFTER_S = (0.05, 1.0)
_PASSAGES = (1, 40)


@dataclass(frozen=True, slots=True)
class Role:
    """A process that is kept alive.

    Attributes:
        function: module:name of its main.
        failpoints: where it may be told to die.
    """

    name: str
    function: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    failpoints: tuple[str, ...] = ()


class Supervisor:
    """Starts roles, arms each with a failpoint, and starts it again a moment after it has ended.

    Args:
        counted: is told the kind of each fault that took effect.
    """

    def __init__(self, zygote: Zygote, chance: random.Random, counted: Callable[[str], None]) -> None:
        self._zygote = zygote
        self._chance = chance
        self._counted = counted
        self._roles: dict[str, Role] = {}
        self._armed: dict[str, str] = {}
        self._killed: set[str] = set()
        self._arming = True
        self._guard = threading.RLock()
        self.unexpected: list[str] = []

    def keep(self, role: Role) -> None:
        """Have `role` running from now on; a role of the same name is replaced at its next start."""
        with self._guard:
            known = role.name in self._roles
            self._roles[role.name] = role
        if not known:
            self._start(role.name)

    def let_go(self, name: str, number: int = signal.SIGTERM) -> None:
        """End a role for good."""
        with self._guard:
            self._roles.pop(name, None)
            self._killed.add(name)
        self._zygote.signal(name, number)
        if not self._zygote.ended(name, 15):
            self.unexpected.append(f"{name}: did not end within 15 s of signal {number}")
            self._zygote.signal(name, signal.SIGKILL)

    def kill(self, name: str) -> bool:
        """Kill -9; it comes back."""
        with self._guard:
            self._killed.add(name)
        return self._zygote.signal(name, signal.SIGKILL)

    def disarm(self) -> None:
        """No failpoint any more: those that are armed are killed and come back without."""
        with self._guard:
            self._arming = False
            armed = [name for name, point in self._armed.items() if point]
        for name in armed:
            self.kill(name)

    def names(self, *starts: str) -> list[str]:
        """Roles whose names begin so."""
        with self._guard:
            return sorted(name for name in self._roles if name.startswith(starts or ("",)))

    def ended(self, forked: Forked, status: int) -> None:
        """Hear of an end: count it, and bring the role back a moment later."""
        with self._guard:
            wanted = forked.name in self._roles
            point, killed = self._armed.pop(forked.name, ""), forked.name in self._killed
            self._killed.discard(forked.name)
        if status == FAILPOINT_STATUS and point and not killed:
            self._counted(f"exit at {point}")
        elif not killed and wanted:
            self.unexpected.append(f"{forked.name}: ended by itself with {status}")
        if wanted:
            timer = threading.Timer(self._chance.uniform(*_BACK_AFTER_S), self._start, [forked.name])
            timer.daemon = True
            timer.start()

    def _start(self, name: str) -> None:
        with self._guard:
            role = self._roles.get(name)
            if role is None or self._zygote.alive(name):
                return
            environment = dict(role.environment)
            if self._arming and role.failpoints and self._chance.random() < 0.8:
                point = self._chance.choice(role.failpoints)
                environment["ALPR_FAILPOINT"] = f"{point}:{self._chance.randint(*_PASSAGES)}"
                self._armed[name] = point
            self._zygote.start(name, role.function, role.arguments, environment)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is done to the world; `most` bounds how often."""

    kind: str
    weight: float
    act: Callable[[random.Random], bool]
    most: int | None = None


class Faults:
    """Draws faults by weight, seeded, and counts those that took effect."""

    def __init__(self, faults: Sequence[Fault], chance: random.Random, done: Counter[str]) -> None:
        self._faults = faults
        self._chance = chance
        self.done = done
        self._guard = threading.Lock()

    def count(self, kind: str) -> None:
        """One more of `kind` took effect."""
        with self._guard:
            self.done[kind] += 1

    def total(self) -> int:
        """How many took effect."""
        with self._guard:
            return self.done.total()

    def strike(self) -> None:
        """One fault, now."""
        left = [fault for fault in self._faults if fault.most is None or self.done[fault.kind] < fault.most]
        fault = self._chance.choices(left, [one.weight for one in left])[0]
        if fault.act(self._chance):
            self.count(fault.kind)


class Mending:
    """What is done in the background a while after a fault, so that faults overlap; all of it can be waited for."""

    def __init__(self) -> None:
        self._pending: list[threading.Thread] = []

    def later(self, after_s: float, act: Callable[[], object]) -> None:
        """Do `act` in so many seconds."""

        def wait() -> None:
            time.sleep(after_s)
            act()

        self._pending = [thread for thread in self._pending if thread.is_alive()]
        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        self._pending.append(thread)

    def finish(self) -> None:
        """Return when nothing is to come any more."""
        for thread in self._pending:
            thread.join()
