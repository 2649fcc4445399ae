# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What perception says of a person at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BodyObservation:
    """The body of one person in one image.

    Attributes
    ----------
    stamp : float
        Acquisition time of the image [s].
    id : str
        Transient identity of the body (REP-155); the frame of the landmarks is ``body_<id>``.
    landmarks : ndarray (33, 3)
        Positions [m] in the body frame: origin mid-hip, x to the person's front (horizontal), y to
        the person's left, z up. Rows as in `mirror_robot.human.landmarks.POSE`. NaN where unknown.
    visibility : ndarray (33,)
        0..1; 0 where the landmark is NaN.
    """

    stamp: float
    id: str
    landmarks: np.ndarray
    visibility: np.ndarray


@dataclass(frozen=True)
class FaceObservation:
    """The face of one person in one image.

    Attributes
    ----------
    stamp : float
        Acquisition time of the image [s].
    id : str
        Transient identity of the face; its frame is ``face_<id>``.
    coefficients : mapping str -> float
        0..1: MediaPipe's blendshapes by their own names, and the measures of
        `mirror_robot.human.face.face_geometry`.
    head : ndarray (3, 3) or None
        Rotation of the head (x out of the face, y to the person's left, z up) in an upright frame
        that looks from the person toward the camera (x toward the camera, z up); None if unknown.
    """

    stamp: float
    id: str
    coefficients: Mapping[str, float]
    head: np.ndarray | None = None
