# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Face coefficients out of action units, for perceptions that tell only of these."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# The blendshapes in which each action unit shows, with what a full action unit reaches there (the
# apex values of `mirror_robot.human.face`, rounded).
_SHAPES: Mapping[int, Mapping[str, float]] = MappingProxyType({
    1: {"browInnerUp": 0.9},
    2: {"browOuterUpLeft": 0.8, "browOuterUpRight": 0.8},
    4: {"browDownLeft": 0.8, "browDownRight": 0.8},
    5: {"eyeWideLeft": 0.5, "eyeWideRight": 0.5},
    6: {"eyeSquintLeft": 0.7, "eyeSquintRight": 0.7},
    7: {"eyeSquintLeft": 0.7, "eyeSquintRight": 0.7},
    9: {"noseSneerLeft": 0.5, "noseSneerRight": 0.5},
    10: {"mouthUpperUpLeft": 0.8, "mouthUpperUpRight": 0.8},
    12: {"mouthSmileLeft": 0.95, "mouthSmileRight": 0.95},
    14: {"mouthDimpleLeft": 0.6, "mouthDimpleRight": 0.6},
    15: {"mouthFrownLeft": 0.6, "mouthFrownRight": 0.6},
    16: {"mouthLowerDownLeft": 0.8, "mouthLowerDownRight": 0.8},
    17: {"mouthShrugLower": 0.8},
    18: {"mouthPucker": 0.9},
    20: {"mouthStretchLeft": 0.6, "mouthStretchRight": 0.6},
    22: {"mouthFunnel": 0.7},
    23: {"mouthPressLeft": 0.4, "mouthPressRight": 0.4},
    24: {"mouthPressLeft": 0.6, "mouthPressRight": 0.6},
    25: {"mouthLowerDownLeft": 0.4, "mouthLowerDownRight": 0.4},
    26: {"jawOpen": 0.6},
    27: {"jawOpen": 0.95},
    43: {"eyeBlinkLeft": 0.9, "eyeBlinkRight": 0.9},
    45: {"eyeBlinkLeft": 0.9, "eyeBlinkRight": 0.9},
})


def coefficients_from_units(units: Mapping[int, float]) -> dict[str, float]:
    """Return blendshape coefficients (0..1) of action units.

    Parameters
    ----------
    units : mapping int -> float
        Intensity [0..1] by FACS code; a unit that is not known is left out, and so are the
        coefficients that only it would tell.
    """
    out: dict[str, float] = {}
    for code, intensity in units.items():
        for shape, full in _SHAPES.get(code, {}).items():
            value = min(max(intensity, 0.0), 1.0) * full
            out[shape] = max(out.get(shape, 0.0), value)
    return out
