# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What the node's process and a landmark worker say to each other.

The image lies in memory that both have mapped; a packet on a socket says that it is there, and the
answer, a few kilobytes, comes back in one packet. The node writes the next image only when it has
the answer, so that neither ever sees half an image, and the worker never has a queue.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

POSE_COLUMNS = 8
"""A pose landmark: x y z in the image, visibility, presence, x y z in the world."""

FACE_LANDMARKS, BLENDSHAPE_COUNT = 478, 52
FACE_COLUMNS = 3 * FACE_LANDMARKS + BLENDSHAPE_COUNT + 16
"""A face: landmarks x y z in the image, blendshapes, transformation matrix row by row."""

HAND_COLUMNS = 1 + 2 * 3 * 21
"""A hand: probability that it is a right one, landmarks x y z in the image, then in the world."""

READY, FAILED, RESULT = b"R", b"F", b"L"
PACKET = 1 << 16
"""No answer is longer [bytes]."""

_REQUEST, _HEAD = struct.Struct("<Id2I"), struct.Struct("<i3f")
_RESULT = struct.Struct("<cI2f")


@dataclass(frozen=True)
class Request:
    """An image that lies ready.

    Attributes
    ----------
    number : int
        Comes back with the answer.
    stamp : float
        Acquisition time [s].
    height, width : int
        [pixels]
    heads : mapping int -> (x, y, size)
        Where heads were last seen [pixels], by a number that stays a person's own.
    """

    number: int
    stamp: float
    height: int
    width: int
    heads: Mapping[int, tuple[float, float, float]] = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return the packet."""
        return _REQUEST.pack(
            self.number & 0xFFFFFFFF, self.stamp, self.height, self.width) + b"".join(
                _HEAD.pack(key, *head) for key, head in self.heads.items())

    @classmethod
    def unpack(cls, packet: bytes) -> Request:
        """Return the request in a packet."""
        return cls(*_REQUEST.unpack_from(packet), heads={
            key: tuple(head) for key, *head in _HEAD.iter_unpack(packet[_REQUEST.size:])})


def pack_result(number: int, seconds: float, worked: float, values: np.ndarray) -> bytes:
    """Return the packet with what was found.

    `seconds` is the time it took, `worked` that in which a processor was at work on it [s].
    """
    return _RESULT.pack(RESULT, number, seconds, worked) + values.astype("<f4").tobytes()


def unpack_result(packet: bytes) -> tuple[int, float, float, np.ndarray]:
    """Return (number, seconds, worked, values (m,))."""
    _, number, seconds, worked = _RESULT.unpack_from(packet)
    return number, seconds, worked, np.frombuffer(packet, "<f4", offset=_RESULT.size).astype(float)


@dataclass(frozen=True)
class PoseLandmarks:
    """One body as MediaPipe sees it.

    Attributes
    ----------
    image : ndarray (33, 3)
        x, y as shares of the image's width and height, z as a share of its width.
    world : ndarray (33, 3)
        [m] from mid-hip; x to the right of the image, y down, z away from the camera.
    visibility, presence : ndarray (33,)
        0..1
    """

    image: np.ndarray
    world: np.ndarray
    visibility: np.ndarray
    presence: np.ndarray


@dataclass(frozen=True)
class FaceLandmarks:
    """One face as MediaPipe sees it.

    Attributes
    ----------
    image : ndarray (478, 3)
        x, y as shares of the image's width and height, z as a share of its width.
    blendshapes : ndarray (52,)
        0..1; in the order of `mirror_robot.human.landmarks.BLENDSHAPES`.
    matrix : ndarray (4, 4)
        From the face's axes (x to the person's left, y up, z out of the face; cm) to the viewer's
        (x to the right of the image, y up, z toward the camera).
    """

    image: np.ndarray
    blendshapes: np.ndarray
    matrix: np.ndarray


def poses(values: np.ndarray) -> list[PoseLandmarks]:
    """Return the bodies in the values of a pose worker's result."""
    return [PoseLandmarks(rows[:, :3], rows[:, 5:], rows[:, 3], rows[:, 4])
            for rows in values.reshape(-1, 33, POSE_COLUMNS)]


def faces(values: np.ndarray) -> list[FaceLandmarks]:
    """Return the faces in the values of a face worker's result."""
    end = 3 * FACE_LANDMARKS
    return [FaceLandmarks(row[:end].reshape(-1, 3), row[end:-16], row[-16:].reshape(4, 4))
            for row in values.reshape(-1, FACE_COLUMNS)]


@dataclass(frozen=True)
class HandLandmarks:
    """One hand as MediaPipe sees it.

    Attributes
    ----------
    right : float
        Probability that it is a right hand [0..1].
    image : ndarray (21, 3)
        x, y as shares of the image's width and height, z as a share of its width.
    world : ndarray (21, 3)
        [m] from the hand's middle; x to the right of the image, y down, z away from the camera.
    """

    right: float
    image: np.ndarray
    world: np.ndarray


def hands(values: np.ndarray) -> list[HandLandmarks]:
    """Return the hands in the values of a hands worker's result."""
    return [HandLandmarks(float(row[0]), row[1:64].reshape(21, 3), row[64:].reshape(21, 3))
            for row in values.reshape(-1, HAND_COLUMNS)]
