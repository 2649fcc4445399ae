# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What a hand does: how far each finger is curled, and the shape that makes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
"""From the thumb outwards; each has four of the 21 landmarks, after the wrist."""

_CHAINS = np.array([[0, *range(first, first + 4)] for first in range(1, 21, 4)])

# Sum of the bends along a finger [rad] that count as stretched and as fully curled; a thumb bends
# less.
_STRETCHED = np.array([0.5, 0.4, 0.35, 0.35, 0.45])
_CURLED = np.array([1.7, 3.6, 3.7, 3.7, 3.5])

_OPEN, _SHUT = 0.35, 0.55  # curls below and above which a finger counts as stretched, as curled


def finger_curls(landmarks: np.ndarray) -> np.ndarray:
    """Return how far each of `FINGERS` is curled (5,): 0 stretched, 1 in the fist.

    Parameters
    ----------
    landmarks : ndarray (21, 3)
        MediaPipe's hand landmarks, in any unit and frame with equal axes.
    """
    bones = np.diff(landmarks[_CHAINS], axis=1)  # (5, 4, 3)
    bones = bones / np.maximum(np.linalg.norm(bones, axis=2, keepdims=True), 1e-9)
    cosines = np.clip((bones[:, 1:] * bones[:, :-1]).sum(axis=2), -1.0, 1.0)
    bend = np.arccos(cosines)
    bend[0, 0] = 0.0  # from the wrist to the thumb it bends at all times
    return np.clip((bend.sum(axis=1) - _STRETCHED) / (_CURLED - _STRETCHED), 0.0, 1.0)


def hand_shape(landmarks: np.ndarray, up: np.ndarray) -> str:
    """Return ``open``, ``fist``, ``pointing``, ``thumb_up``, ``thumb_down`` or an empty string.

    Parameters
    ----------
    landmarks : ndarray (21, 3)
    up : ndarray (3,)
        Unit vector upwards in their frame.
    """
    curls = finger_curls(landmarks)
    stretched, curled = curls < _OPEN, curls > _SHUT
    if stretched[1:].all():
        return "open"
    if stretched[1] and curled[2:].all():
        return "pointing"
    if curled[1:].all():
        thumb = landmarks[4] - landmarks[2]
        rise = float(thumb @ up) / max(float(np.linalg.norm(thumb)), 1e-9)
        away = np.linalg.norm(landmarks[4] - landmarks[9]) > np.linalg.norm(
            landmarks[5] - landmarks[9]) * 2.0
        if away and abs(rise) > 0.7:
            return "thumb_up" if rise > 0 else "thumb_down"
        return "fist"
    return ""


def named_curls(side: str, curls: np.ndarray) -> Mapping[str, float]:
    """Return curls (5,) by names such as ``left_index``."""
    return {f"{side}_{finger}": float(curl) for finger, curl in zip(FINGERS, curls)}
