# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""How well movements that were shown by some people are recognised in others, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from mirror_robot.body.model import RobotModel
from mirror_robot.body.retargeting import Retargeter
from mirror_robot.human.bvh import postures_from_bvh
from mirror_robot.human.posture import HumanPosture
from mirror_robot.mirror.demonstrated import (
    RATE,
    Demonstrated,
    Heard,
    Listener,
    resampled,
)
from mirror_robot.mirror.features import RobotPoints

FRACTIONS = (0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Recording:
    """A labelled recording.

    Attributes
    ----------
    label : str
    person : int
        Recordings of one person are learnt from or tested with, never both.
    points : ndarray (t, k, 3)
        At `RATE` [m]; NaN where unknown.
    """

    label: str
    person: int
    points: np.ndarray


def kinect_posture(stamp: float, joints: dict[str, np.ndarray]) -> HumanPosture:
    """Return the posture of a Kinect skeleton, joints (3,) in the body frame by name."""
    limbs = np.concatenate([np.diff(
        [joints[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist", "hand")], axis=0)
        for side in ("left", "right")])
    limbs /= np.maximum(np.linalg.norm(limbs, axis=1, keepdims=True), 1e-6)
    up = (joints["left_shoulder"] + joints["right_shoulder"]
          - joints["left_hip"] - joints["right_hip"])
    left = joints["left_shoulder"] - joints["right_shoulder"]
    up = up / np.linalg.norm(up)
    left = left - (left @ up) * up
    left /= np.linalg.norm(left)
    torso = np.column_stack([np.cross(left, up), left, up])
    return HumanPosture(stamp, limbs, np.full((2, 3), np.nan), torso, np.full((3, 3), np.nan))


def _relived(postures: Sequence[HumanPosture], retargeter: Retargeter) -> np.ndarray:
    retargeter.reset()
    return np.array([retargeter.retarget(posture).positions for posture in postures])


def positions_of_npz(path: Path, model: RobotModel) -> np.ndarray:
    """Return the robot's positions (frames, n) for all frames of an npz of Kinect skeletons."""
    with np.load(path, allow_pickle=False) as data:
        names = [str(name) for name in data["joint_names"]]
        points = data["frames"][:, :, :3].astype(float)
        offsets = data["offsets"]
    # x to the person's right, y up, z away from the camera -> x front, y left, z up
    points = np.stack([-points[..., 2], -points[..., 0], points[..., 1]], axis=-1)
    retargeter = Retargeter(model)
    return np.concatenate([_relived(
        [kinect_posture(number / RATE, dict(zip(names, frame)))
         for number, frame in enumerate(points[first:last])], retargeter)
        for first, last in pairwise(offsets)])


def recordings_of(path: Path, model: RobotModel, positions: np.ndarray | None = None,
                  ) -> list[Recording]:
    """Return the recordings of a folder LABEL/*.bvh or of an npz, re-lived by a robot.

    Parameters
    ----------
    path : Path
        An npz has frames (f, j, 4), offsets (r + 1,), action and subject (r,), action_names,
        joint_names, at `RATE`; files of one folder count each as a person of its own.
    model : RobotModel
    positions : ndarray (f, n), optional
        Of the npz, when they were computed before.

    Raises
    ------
    ValueError
        If there is nothing to read.
    """
    if path.is_dir():
        retargeter, out = Retargeter(model), []
        for number, file in enumerate(sorted(path.glob("*/*.bvh"))):
            postures = postures_from_bvh(file)
            times = np.array([posture.stamp for posture in postures])
            points = RobotPoints(model)(_relived(postures, retargeter))
            out.append(Recording(file.parent.name, number, resampled(times, points)))
        if not out:
            raise ValueError(f"{path} holds no LABEL/*.bvh")
        return out
    positions = positions_of_npz(path, model) if positions is None else positions
    points = RobotPoints(model)(positions)
    with np.load(path, allow_pickle=False) as data:
        names, offsets = data["action_names"], data["offsets"]
        return [Recording(str(names[action]), int(person), points[first:last])
                for action, person, first, last in zip(
                    data["action"], data["subject"], offsets[:-1], offsets[1:])]


def heard_at_fractions(learnt: Demonstrated, recordings: Sequence[Recording],
                       fractions: Sequence[float] = FRACTIONS) -> list[list[Heard]]:
    """Return what is heard of each recording when so much of it has been seen."""
    listener, out = Listener(learnt), []
    for recording in recordings:
        listener.reset()
        heard = [listener.hear(points) for points in recording.points]
        out.append([heard[max(int(np.ceil(part * len(heard))), 1) - 1] for part in fractions])
    return out


def accuracy(learnt: Demonstrated, recordings: Sequence[Recording],
             heard: Sequence[Sequence[Heard]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return accuracy (f,), expected calibration error (f,) and confusions at the end (C, C)."""
    probability = np.array([[one.probability for one in row] for row in heard])
    truth = np.array([learnt.names.index(recording.label) for recording in recordings])
    right = probability.argmax(axis=2) == truth[:, None]
    errors = [calibration_error(probability[:, column].max(axis=1), right[:, column])
              for column in range(probability.shape[1])]
    confusion = np.zeros((len(learnt.names),) * 2, int)
    np.add.at(confusion, (truth, probability[:, -1].argmax(axis=1)), 1)
    return right.mean(axis=0), np.array(errors), confusion


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Return the expected calibration error with equal bins (Guo et al., ICML 2017)."""
    number = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return float(sum((number == b).mean() * abs(confidence[number == b].mean()
                                                - right[number == b].mean())
                     for b in range(bins) if (number == b).any()))


def auroc(score: np.ndarray, positive: np.ndarray) -> float:
    """Return the area under the ROC curve: how often a positive scores above a negative."""
    above = score[positive][:, None] - score[~positive][None]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def unknown_detection(train: Sequence[Recording], test: Sequence[Recording], folds: int = 4,
                      seed: int = 0) -> list[float]:
    """Return, per fold of actions that are not learnt, the AUROC of telling them as unknown."""
    labels = sorted({recording.label for recording in train})
    order = np.random.default_rng(seed).permutation(len(labels))
    out = []
    for fold in range(folds):
        hidden = {labels[row] for row in order[fold::folds]}
        learnt = Demonstrated([(r.label, r.points) for r in train if r.label not in hidden])
        heard = heard_at_fractions(learnt, test, (1.0,))
        out.append(auroc(np.array([row[0].strange for row in heard]),
                         np.array([recording.label in hidden for recording in test])))
    return out
