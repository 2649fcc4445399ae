# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Draws what is seen of people into the image, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mirror_robot.human.landmarks import POSE_INDEX, SKELETON

_LINES = tuple((POSE_INDEX[a], POSE_INDEX[b]) for a, b in SKELETON)
_SURE, _UNSURE = np.array([80.0, 220.0, 80.0]), np.array([60.0, 60.0, 230.0])  # BGR
_OTHER = 0.55  # of the brightness for those who are not attended to
_MESH, _GROUND = (230, 200, 120), (30, 30, 30)
_BODY = POSE_INDEX["left_shoulder"]  # the rows before it are in the face

# Lines of MediaPipe's face mesh that make a face for whoever looks: oval, lips, eyes, brows.
_CLOSED = tuple(np.array(line) for line in (
    (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
     148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)))
_OPEN = tuple(np.array(line) for line in ((300, 293, 334, 296, 336), (70, 63, 105, 66, 107)))


@dataclass(frozen=True)
class Drawn:
    """Somebody to draw.

    Attributes
    ----------
    label : str
    pixels : ndarray (33, 3)
        Of the body: x, y as shares of the image, visibility; 0 is not drawn.
    attended : bool
    """

    label: str
    pixels: np.ndarray
    attended: bool


def annotate(
    image: np.ndarray, people: Sequence[Drawn], faces: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """Return a copy of a BGR image with skeletons, ids and face meshes.

    A limb is green where it is well visible and red where it is hardly so, as a legend says; one
    that is not known is not drawn. Who is attended to is drawn bright, with a frame about the id.

    Parameters
    ----------
    image : ndarray (h, w, 3) uint8
    people : sequence of Drawn
    faces : sequence of ndarray (478, 2)
        Meshes, as shares of the image.
    """
    out = image.copy()
    size = np.array([image.shape[1], image.shape[0]])
    thick = max(round(image.shape[0] / 200), 1)
    for mesh in faces:
        if not np.isfinite(mesh).all():
            continue
        corners = np.round(mesh * size).astype(np.int32)
        for lines, closed in ((_CLOSED, True), (_OPEN, False)):
            cv2.polylines(out, [corners[line] for line in lines], closed, _MESH,
                          max(thick // 2, 1), cv2.LINE_AA)
    for person in people:
        shade = 1.0 if person.attended else _OTHER
        places = np.round(person.pixels[:, :2] * size).astype(int)
        seen = person.pixels[:, 2]

        def colour(value: float, shade: float = shade) -> tuple[float, ...]:
            return tuple(shade * (_UNSURE + value * (_SURE - _UNSURE)))

        for a, b in _LINES:
            if seen[a] > 0 and seen[b] > 0:
                cv2.line(out, tuple(map(int, places[a])), tuple(map(int, places[b])),
                         colour(min(seen[a], seen[b])), thick, cv2.LINE_AA)
        first = _BODY if len(faces) else 0  # a mesh says more of a face
        for row in first + np.flatnonzero(seen[first:] > 0):
            cv2.circle(out, tuple(map(int, places[row])), thick + 1, colour(seen[row]), -1,
                       cv2.LINE_AA)
        if (seen > 0).any():
            x, y = places[seen > 0].min(axis=0)
            # The landmarks of a head end at the eyes; above the hair the id hides nothing.
            ears = places[[POSE_INDEX["left_ear"], POSE_INDEX["right_ear"]]]
            y = min(y, places[POSE_INDEX["nose"], 1] - np.linalg.norm(ears[0] - ears[1]))
            _chip(out, person.label, (int(x), int(y) - 4 * thick), colour(1.0), person.attended)
    if people:
        _legend(out, thick)
    return out


def _chip(
    out: np.ndarray, text: str, foot: tuple[int, int], colour: tuple[float, ...], framed: bool,
) -> None:
    """Write on a dark ground, within the image; `foot` is the lower left corner."""
    size = max(out.shape[0] / 900, 0.4)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    pad = height // 2
    left = min(max(foot[0], 0), max(out.shape[1] - width - 2 * pad, 0))
    bottom = min(max(foot[1], height + 2 * pad), out.shape[0] - 1)
    corners = (left, bottom - height - 2 * pad), (left + width + 2 * pad, bottom)
    cv2.rectangle(out, *corners, _GROUND, -1)
    if framed:
        cv2.rectangle(out, *corners, colour, 1, cv2.LINE_AA)
    cv2.putText(out, text, (left + pad, bottom - pad), cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1,
                cv2.LINE_AA)


def _legend(out: np.ndarray, thick: int) -> None:
    """Show in the lower left corner what the colours mean."""
    long, high = 24 * thick, 3 * thick
    left, top = 2 * thick, out.shape[0] - 2 * thick - high
    share = np.linspace(0.0, 1.0, long)[None, :, None]
    bar = (_UNSURE + share * (_SURE - _UNSURE)).astype(np.uint8)
    part = out[top:top + high, left:left + long]
    part[:] = np.broadcast_to(bar, (high, long, 3))[:part.shape[0], :part.shape[1]]
    _chip(out, "visible", (left + long + thick, out.shape[0] - thick), (220, 220, 220), False)
