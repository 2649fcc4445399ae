# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Which of REP-155's gestures a body makes, out of its landmarks."""

from __future__ import annotations

from collections import deque

import numpy as np

from mirror_robot.human.landmarks import POSE_INDEX

GESTURES = ("arms_crossed", "waving", "both_hands_raised", "left_hand_raised",
            "right_hand_raised", "hands_on_face")
"""By the names of the constants of hri_msgs/Gesture, the more telling first."""

_SIDES = ("left", "right")
_ROWS = {(point, side): POSE_INDEX[f"{side}_{point}"] for side in _SIDES
         for point in ("shoulder", "elbow", "wrist", "hip")}
_NOSE = POSE_INDEX["nose"]

_SETTLE = 0.2  # [s] for which a gesture must be made, and be over, before that is told
_WINDOW = 1.6  # [s] in which a wave goes to and fro
_SWING = 0.4  # sideways share of a waving forearm's direction, from one turn to the next
_UP = 0.4  # upwards share of its direction, at least
_TURNS = 2
_NEAR = 0.22  # [m] from a hand to the other arm's elbow when arms are crossed


class GestureSense:
    """Watches one body.

    The gesture told is the first of `GESTURES` that is made: who waves has a hand raised too.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._told = self._next = ""
        self._since = -np.inf
        self._swings = {side: _Swings() for side in _SIDES}

    def __call__(self, stamp: float, landmarks: np.ndarray, covered: bool = False) -> str:
        """Return one of `GESTURES`, or an empty string.

        Parameters
        ----------
        stamp : float
            Acquisition time [s]; when it steps back all begins anew.
        landmarks : ndarray (33, 3)
            In the body frame [m]; NaN where unknown.
        covered : bool
            Whether a hand is at the face (`human.face.hand_over_mouth`).
        """
        if stamp < self._since:
            self.reset()
        now = next(iter(self._made(stamp, landmarks, covered)), "")
        if now != self._next:
            self._next, self._since = now, stamp
        elif now != self._told and stamp - self._since >= _SETTLE:
            self._told = now
        return self._told

    def _made(self, stamp: float, at: np.ndarray, covered: bool) -> list[str]:
        def height(point: str, side: str) -> float:
            return float(at[_ROWS[point, side], 2])

        raised = {side: _above(height("wrist", side), float(at[_NOSE, 2]),
                               height("shoulder", side) + 0.2) for side in _SIDES}
        waves = False
        for side in _SIDES:
            forearm = at[_ROWS["wrist", side]] - at[_ROWS["elbow", side]]
            _, sideways, up = forearm / max(float(np.linalg.norm(forearm)), 1e-6)
            waves |= self._swings[side](stamp, sideways if up > _UP else np.nan)
        found = {
            "arms_crossed": _crossed(at), "waving": waves,
            "both_hands_raised": all(raised.values()), "left_hand_raised": raised["left"],
            "right_hand_raised": raised["right"], "hands_on_face": covered}
        return [name for name in GESTURES if found[name]]


class _Swings:
    """Counts how often a hand turned round lately."""

    def __init__(self) -> None:
        self._turns: deque[float] = deque()
        self._low, self._high, self._way = np.inf, -np.inf, 0

    def __call__(self, stamp: float, place: float) -> bool:
        if not np.isfinite(place):
            self._turns.clear()
            self._low, self._high, self._way = np.inf, -np.inf, 0
            return False
        self._low, self._high = min(self._low, place), max(self._high, place)
        way = int(place - self._low > _SWING) - int(self._high - place > _SWING)
        if way and way != self._way:
            self._turns.append(stamp)
            self._way = way
            self._low = self._high = place
        while self._turns and stamp - self._turns[0] > _WINDOW:
            self._turns.popleft()
        return len(self._turns) >= _TURNS


def _above(wrist: float, nose: float, otherwise: float) -> bool:
    # What is not known is no gesture: comparisons with NaN are false.
    return bool(wrist > (nose if np.isfinite(nose) else otherwise))


def _crossed(at: np.ndarray) -> bool:
    """Return whether each hand lies at the other arm, before the trunk."""
    wrist = {side: at[_ROWS["wrist", side]] for side in _SIDES}
    elbow = {side: at[_ROWS["elbow", side]] for side in _SIDES}
    across = wrist["left"][1] < wrist["right"][1]
    near = all(np.linalg.norm((wrist[side] - elbow[other])[1:]) < _NEAR
               for side, other in (_SIDES, _SIDES[::-1]))
    level = all(at[_ROWS["hip", side], 2] < wrist[side][2] < at[_ROWS["shoulder", side], 2]
                for side in _SIDES)
    return bool(across and near and level)
