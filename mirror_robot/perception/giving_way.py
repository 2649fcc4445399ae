# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Lowers the rate of the face under load, so that the pose keeps its own."""

from __future__ import annotations

_STARVED = 0.12  # share of its time that a worker waits for a processor, from which it is in want
_SLOWEST = 0.25  # [s] between two images for whoever gives way, at most
_FIRST = 0.05  # [s]
_GROWTH = 1.3  # of the interval with each image that comes too early for the first worker
_HICCUP = 3.0  # images lately behind, of which each is forgotten in ...
_FORGOTTEN = 0.4  # [s]
_RECOVERY = 2.0  # [s] in which the interval shrinks to a third


class GivingWay:
    """Decides which images the second worker gets, by how the first one fares.

    That the first worker is behind is no reason by itself: with two people in view it takes longer
    than from one image to the next, though nobody disturbs it. It must also be waiting for a
    processor, and not just once: a hiccup costs nothing. Then the second one gets fewer images,
    down to four a second, until the first one keeps up.
    """

    def __init__(self) -> None:
        self._interval, self._last, self._seen = 0.0, float("-inf"), float("nan")
        self._wants = 0.0

    def __call__(self, now: float, behind: bool, waiting: float) -> bool:
        """Return whether the second worker gets the image that came now.

        Parameters
        ----------
        now : float
            On a steady clock [s].
        behind : bool
            Whether an image still waits for the first worker.
        waiting : float
            Share of its time that the first worker waits for a processor [0..1].
        """
        passed = now - self._seen if self._seen == self._seen else 0.0
        self._seen = now
        self._wants = max(self._wants - passed / _FORGOTTEN, 0.0)
        if behind and waiting > _STARVED:
            self._wants += 1.0
        if behind and self._wants >= _HICCUP:
            self._interval = min(max(_GROWTH * self._interval, _FIRST), _SLOWEST)
        else:
            self._interval *= max(1.0 - passed / _RECOVERY, 0.0)
            if self._interval < _FIRST / 3:
                self._interval = 0.0
        if behind or now - self._last < self._interval:
            return False
        self._last = now
        return True
