# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Where the eyes look, and whether they are shut, from face coefficients and the head's pose."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_FULL_TURN = np.radians(35.0)  # of an eye whose coefficient is 1, to the side
_FULL_TILT = np.radians(30.0)  # and up or down
SHUT = 0.5
"""Above this an ``eyeBlink`` coefficient means a shut eye."""


def eye_angles(coefficients: Mapping[str, float]) -> tuple[float, float]:
    """Return (to the person's left, up) [rad] of the eyes in the head; their mean."""
    def of(name: str) -> float:
        return coefficients.get(name, 0.0)

    left = 0.5 * (of("eyeLookOutLeft") - of("eyeLookInLeft")
                  + of("eyeLookInRight") - of("eyeLookOutRight"))
    up = 0.5 * (of("eyeLookUpLeft") - of("eyeLookDownLeft")
                + of("eyeLookUpRight") - of("eyeLookDownRight"))
    return float(_FULL_TURN * left), float(_FULL_TILT * up)


def gaze_direction(head: np.ndarray, coefficients: Mapping[str, float]) -> np.ndarray:
    """Return the unit direction (3,) of the gaze, in the frame that `head` (3, 3) is given in.

    Of somebody whose eyes are shut it is where the head points.
    """
    blink = 0.5 * (coefficients.get("eyeBlinkLeft", 0.0) + coefficients.get("eyeBlinkRight", 0.0))
    left, up = eye_angles(coefficients) if blink < SHUT else (0.0, 0.0)
    return head @ np.array([
        np.cos(left) * np.cos(up), np.sin(left) * np.cos(up), np.sin(up)])
