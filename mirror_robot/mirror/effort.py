# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""How a movement is made, whatever it is: Laban's four effort factors, frame by frame.

The measures are those of Larboulette and Gibet 2015, "A review of computable expressive
descriptors of human motion" (MOCO), taken of the directions of the limbs, so that a body's size
plays no part: weight from the kinetic energy, time from the acceleration, space from how straight
the way is, flow from the jerk. Time and flow are told per speed and per acceleration, so that a
small sudden movement is sudden; all are running means, at a constant cost per frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirror_robot.human.posture import HumanPosture

# What people show when they move with all their strength: rms over the limbs [rad/s] ...
_STRONG = 3.0
# ... and at their most sudden: speed and acceleration change this fast [1/s].
_SUDDEN, _BOUND = 14.0, 28.0
# Below this speed [rad/s] landmarks jitter; nothing can be said of how somebody moves.
_STILL = 0.12
_LONGEST_GAP = 0.5


@dataclass(frozen=True)
class Effort:
    """The four effort factors; 0..1, NaN for somebody who does not move.

    Attributes
    ----------
    strong : float
        Laban's weight: light to strong.
    sudden : float
        Time: sustained to sudden.
    direct : float
        Space: flexible to direct.
    bound : float
        Flow: free to bound.
    """

    strong: float = np.nan
    sudden: float = np.nan
    direct: float = np.nan
    bound: float = np.nan


class EffortSense:
    """Reads the effort of a body in a stream of its postures.

    Parameters
    ----------
    smoothing : float
        Time constant against the noise of landmarks, before each derivative [s].
    memory : float
        Time constant of the running means [s].
    """

    def __init__(self, smoothing: float = 0.1, memory: float = 0.8) -> None:
        self._smoothing, self._memory = smoothing, memory
        self.reset()

    def reset(self) -> None:
        """Forget the movement so far."""
        self._stamp: float | None = None
        self._last = np.full((8, 3), np.nan)
        self._rates = np.zeros((3, 8, 3))  # velocity, acceleration, jerk
        self._power = np.zeros(3)
        self._drift = np.zeros((8, 3))
        self._weight = 0.0

    def update(self, stamp: float, posture: HumanPosture) -> Effort:
        """Return the effort up to `posture`, seen at `stamp` [s]; unknown limbs count as still."""
        now = np.concatenate([posture.limbs, posture.torso[None, :, 0], posture.head[None, :, 0]])
        elapsed = 0.0 if self._stamp is None else stamp - self._stamp
        if not 0.0 <= elapsed <= _LONGEST_GAP:
            self.reset()
        if self._stamp is None or elapsed <= 0.0:
            self._stamp, self._last = stamp, now
            return Effort()
        self._stamp = stamp
        raw = np.nan_to_num((now - self._last) / elapsed)
        self._last = np.where(np.isfinite(now), now, self._last)
        share = elapsed / (self._smoothing + elapsed)
        before = self._rates.copy()
        for order in range(3):
            self._rates[order] += share * (raw - self._rates[order])
            raw = (self._rates[order] - before[order]) / elapsed
        fade = np.exp(-elapsed / self._memory)
        self._weight = fade * self._weight + (1.0 - fade)
        self._power = fade * self._power + (1.0 - fade) * np.einsum(
            "okx,okx->o", self._rates, self._rates) / len(now)
        self._drift = fade * self._drift + (1.0 - fade) * self._rates[0]
        velocity, acceleration, jerk = np.sqrt(self._power / self._weight)
        if velocity < _STILL:
            return Effort()
        straight = (self._drift**2).sum() / len(now) / self._weight**2 / velocity**2
        return Effort(*(float(min(value, 1.0)) for value in (
            velocity / _STRONG, acceleration / velocity / _SUDDEN, np.sqrt(straight),
            jerk / max(acceleration, 1e-9) / _BOUND)))
