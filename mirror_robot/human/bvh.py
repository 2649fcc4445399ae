# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Motion capture in BVH files, as human postures.

The format: M. Meredith and S. Maddock, Motion Capture File Formats Explained, 2001.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirror_robot.human.posture import SIDES, HumanPosture

_AXES = {"Xrotation": 0, "Yrotation": 1, "Zrotation": 2}

# How capture systems call the points of the body; the first name that a file has counts. `Arm` is
# the upper arm, whose joint is the shoulder; files that have it call the collar bone `Shoulder`.
_POINTS = {
    "shoulder": ("{}Arm", "{}UpArm", "{}Shoulder"),
    "elbow": ("{}ForeArm", "{}LowArm", "{}Elbow"),
    "wrist": ("{}Hand", "{}Wrist"),
    "knuckles": ("{}HandMiddle1", "{}HandIndex1", "{}HandEnd", "{}Fingers", "{}lhand", "{}rhand"),
    "thumb": ("{}HandThumb1", "{}Thumb"),
    "hip": ("{}UpLeg", "{}Hip"),
}
_HEAD = ("Head",)
_NECK = ("Neck", "lowerneck")


class BvhError(ValueError):
    """A motion file that cannot be used; names the file and what is wrong."""


@dataclass(frozen=True)
class Motion:
    """A captured movement.

    Attributes
    ----------
    names : tuple of str
        The j joints; ends of chains are called ``<joint>_end``.
    positions : ndarray (t, j, 3)
        In the file's own axes and unit of length.
    rotations : ndarray (t, j, 3, 3)
        Of the joints' frames in the file's axes.
    period : float
        Time from frame to frame [s].
    """

    names: tuple[str, ...]
    positions: np.ndarray
    rotations: np.ndarray
    period: float

    @property
    def index(self) -> Mapping[str, int]:
        """Return the position of each name."""
        return {name: i for i, name in enumerate(self.names)}


def _rotation(axis: int, angle: np.ndarray) -> np.ndarray:
    """Return rotations (t, 3, 3) about a coordinate axis by `angle` (t,) [rad]."""
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.zeros((len(angle), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, axis, axis] = 1.0
    matrix[:, i, i], matrix[:, i, j], matrix[:, j, i], matrix[:, j, j] = c, -s, s, c
    return matrix


def read_bvh(path: str | Path) -> Motion:
    """Read a BVH file.

    Raises
    ------
    BvhError
        If the file cannot be read, is no BVH file, or holds too few or non-finite numbers.
    """
    path = Path(path)
    try:
        words = path.read_text(encoding="utf-8", errors="replace").split()
    except OSError as error:
        raise BvhError(f"cannot read {path}: {error.strerror}") from error
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[list[str]] = []
    stack: list[int] = []
    place = 0
    try:
        while words[place] != "MOTION":
            word = words[place]
            if word in ("ROOT", "JOINT", "End"):
                parents.append(stack[-1] if stack else -1)
                names.append(names[stack[-1]] + "_end" if word == "End" else words[place + 1])
                offsets.append([0.0, 0.0, 0.0])
                channels.append([])
                place += 2
            elif word == "{":
                stack.append(len(names) - 1)
                place += 1
            elif word == "}":
                stack.pop()
                place += 1
            elif word == "OFFSET":
                offsets[stack[-1]] = [float(number) for number in words[place + 1:place + 4]]
                place += 4
            elif word == "CHANNELS":
                count = int(words[place + 1])
                channels[stack[-1]] = words[place + 2:place + 2 + count]
                place += 2 + count
            else:
                place += 1
        frames = int(words[words.index("Frames:", place) + 1])
        start = words.index("Time:", place)
        period = float(words[start + 1])
        width = sum(map(len, channels))
        values = np.array(words[start + 2:start + 2 + frames * width], float)
        values = values.reshape(frames, width)
    except (IndexError, ValueError) as error:
        raise BvhError(f"{path} is not a complete BVH file: {error}") from None
    if not names or not frames or not np.isfinite(values).all() or not period > 0:
        raise BvhError(f"{path} holds no motion, or numbers that are not finite")
    rotations = np.empty((frames, len(names), 3, 3))
    positions = np.empty((frames, len(names), 3))
    column = 0
    for joint, parent in enumerate(parents):
        local, shift = np.tile(np.eye(3), (frames, 1, 1)), np.tile(offsets[joint], (frames, 1))
        for channel in channels[joint]:
            value = values[:, column]
            column += 1
            if channel in _AXES:
                local = local @ _rotation(_AXES[channel], np.radians(value))
            elif channel[1:] == "position" and channel[0] in "XYZ":
                shift[:, "XYZ".index(channel[0])] = value
            else:
                raise BvhError(f"{path}: joint {names[joint]} has the unknown channel {channel!r}")
        if parent < 0:
            rotations[:, joint], positions[:, joint] = local, shift
        else:
            rotations[:, joint] = rotations[:, parent] @ local
            positions[:, joint] = positions[:, parent] + np.einsum(
                "tij,tj->ti", rotations[:, parent], shift)
    return Motion(tuple(names), positions, rotations, period)


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-9, vectors / np.maximum(length, 1e-9), np.nan)


def _frame(left: np.ndarray, up: np.ndarray, keep: str) -> np.ndarray:
    """Return rotations (t, 3, 3) with columns front, left, up; the axis `keep` is exact."""
    left, up = _unit(left), _unit(up)
    front = _unit(np.cross(left, up))
    if keep == "left":
        up = np.cross(front, left)
    else:
        left = np.cross(up, front)
    return np.stack([front, left, up], axis=2)


def postures_from_bvh(path: str | Path, start: float = 0.0) -> list[HumanPosture]:
    """Return one human posture per frame of a BVH file.

    Which axis of the file is vertical is taken from where the trunk mostly points. The body
    frame's front is the horizontal normal of the line between the hips. Files do not say how a
    head looks ahead: its mean rotation relative to the chest is taken for that. What a file does
    not have is NaN.

    Parameters
    ----------
    path : str or Path
    start : float
        Stamp of the first frame [s].

    Raises
    ------
    BvhError
        As `read_bvh`, and if the file has no hips or shoulders.
    """
    motion = read_bvh(path)
    index = motion.index
    count = len(motion.positions)

    def at(point: str, side: str) -> np.ndarray:
        short = side.capitalize()
        for pattern in _POINTS[point]:
            name = pattern.format(short) if "hand" not in pattern else pattern[2:]
            if name in ("lhand", "rhand") and name[0] != side[0]:
                continue
            if name[0].islower() and name not in index:
                continue
            for candidate in (name, name.replace(short, short[0])):
                if candidate in index:
                    return motion.positions[:, index[candidate]]
        return np.full((count, 3), np.nan)

    hips = at("hip", "left") - at("hip", "right")
    across = at("shoulder", "left") - at("shoulder", "right")
    if not (np.isfinite(hips).all() and np.isfinite(across).all()):
        raise BvhError(f"{path}: no hips or shoulders by any known name; it has "
                       f"{', '.join(motion.names)}")
    rise = 0.5 * (at("shoulder", "left") + at("shoulder", "right")
                  - at("hip", "left") - at("hip", "right"))
    mostly = np.median(_unit(rise), axis=0)
    axis = int(np.abs(mostly).argmax())
    vertical = np.zeros((count, 3))
    vertical[:, axis] = np.sign(mostly[axis])
    hips[:, axis] = 0.0
    body = _frame(hips, vertical, "up")

    def seen(vectors: np.ndarray) -> np.ndarray:
        return np.einsum("tji,tj->ti", body, vectors)

    limbs, palms = np.full((count, 6, 3), np.nan), np.full((count, 2, 3), np.nan)
    for row, side in enumerate(SIDES):
        points = [at(point, side) for point in ("shoulder", "elbow", "wrist", "knuckles")]
        for part in range(3):
            limbs[:, 3 * row + part] = _unit(seen(points[part + 1] - points[part]))
        # The thumb's root lies on the side of the thumb, so that hand x thumb is the palm.
        normal = np.cross(points[3] - points[2], at("thumb", side) - points[2])
        palms[:, row] = _unit(seen(normal)) * (1 if side == "left" else -1)
    torso = _frame(seen(across), seen(rise), "left")
    head = np.full((count, 3, 3), np.nan)
    name = next((name for name in _HEAD if name in index), None)
    if name is not None:
        turned = np.swapaxes(body, 1, 2) @ motion.rotations[:, index[name]]
        relative = np.swapaxes(torso, 1, 2) @ turned
        u, _, vt = np.linalg.svd(relative.mean(axis=0))
        mean = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
        head = turned @ mean.T
    return [HumanPosture(start + frame * motion.period, limbs[frame], palms[frame], torso[frame],
                         head[frame]) for frame in range(count)]
