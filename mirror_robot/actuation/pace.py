# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""When commands are due, by a clock that may be simulated."""

from __future__ import annotations


class Pace:
    """Tells whether a command is due: one for each period of the clock, never more.

    A simulated clock may stand, run slowly, go on by leaps or be set back. A command carries a
    robot on by what it may do in one period, so that commands which come more often than that
    would make it faster than its limits, by the time in which its joints live. A late look is no
    reason for two commands either: what was missed is left out.

    Parameters
    ----------
    period : float
        Of the commands [s].
    now : float
        Time [s] on the clock; the first command is due a period later.
    """

    def __init__(self, period: float, now: float) -> None:
        self._period, self._done = period, now

    def due(self, now: float) -> bool:
        """Return whether a command is due at `now` [s]; it is taken to be sent then."""
        # Commands are up to half a period early, so only what is earlier still was set back.
        if now < self._done - self._period or now - self._done > 2.0 * self._period:
            self._done = now - self._period
        if now - self._done <= 0.5 * self._period:
            return False
        self._done += self._period
        return True
