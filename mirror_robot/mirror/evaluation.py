# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""How well movements that were shown by some people are recognised in others, frame by frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from mirror_robot.body.model import RobotModel
from mirror_robot.body.retargeting import Retargeter
from mirror_robot.human.bvh import postures_from_bvh
from mirror_robot.human.posture import HumanPosture
from mirror_robot.mirror.demonstrated import Demonstrated, Listener
from mirror_robot.mirror.features import MotorFeatures
from mirror_robot.mirror.recognition import Recognizer
from mirror_robot.motor.primitive import RATE, MotorPrimitive, learn_primitive, resampled

FRACTIONS = (0.2, 0.4, 0.6, 0.8, 1.0)

_LONG = 4000
"""Frames from which further processes, which take seconds to start, are worth it."""

_SHARE = 1000
"""Frames that a process takes at a time; what it needs to know is sent along every time."""

Noted = Callable[[float], None]
"""Is told again and again which part of the work is done, 0..1."""


@dataclass(frozen=True)
class Recording:
    """A labelled recording.

    Attributes
    ----------
    label : str
    person : int
        Recordings of one person are learnt from or tested with, never both.
    frames : ndarray (t, ...)
        At `RATE`, NaN where unknown: a robot's positions (t, n) [rad], or points (t, k, 3) [m].
    """

    label: str
    person: int
    frames: np.ndarray


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


def _work(job: tuple[Callable[..., list], tuple[Any, ...], list[Any]]) -> list:
    function, known, items = job
    return function(*known, items)


def _shared_out(function: Callable[..., list], known: tuple[Any, ...], items: Sequence[Any],
                lengths: Sequence[int] | np.ndarray, noted: Noted | None) -> list:
    """Return what function(*known, some items) returns for all items, by all cores if it is long.

    Every item, of a length in frames, must stand for itself.
    """
    shares, size = [], np.cumsum(lengths)
    number = (size - 1) // _SHARE
    for one in np.unique(number):
        shares.append([items[row] for row in np.flatnonzero(number == one).tolist()])
    jobs = [(function, known, share) for share in shares]

    def told(results: Iterable[list]) -> Iterator[Any]:
        for done, result in enumerate(results, 1):
            if noted is not None:
                noted(done / len(jobs))
            yield from result

    cores = (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
             else os.cpu_count() or 1)
    workers = min(cores, len(jobs))
    if workers < 2 or size[-1] < _LONG:
        return list(told(map(_work, jobs)))
    # Processes that are forked would share the locks of threads that they do not have.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return list(told(pool.map(_work, jobs)))


def _relived(postures: Sequence[HumanPosture], retargeter: Retargeter) -> np.ndarray:
    retargeter.reset()
    return np.array([retargeter.retarget(posture).positions for posture in postures])


_ARRAYS = ("frames", "offsets", "action", "subject", "action_names", "joint_names")
_JOINTS = tuple(f"{side}_{part}" for side in ("left", "right")
                for part in ("hip", "shoulder", "elbow", "wrist", "hand"))


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an npz of labelled Kinect skeletons, or tell what is wrong with it."""
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = dict(data)
    except Exception as error:  # zip and value errors share no narrower base
        raise ValueError(f"{path} is neither a folder LABEL/*.bvh nor an npz file: {error}"
                         ) from error
    lacking = [name for name in _ARRAYS if name not in arrays]
    lacking += [joint for joint in _JOINTS if not lacking and joint not in arrays["joint_names"]]
    if lacking:
        raise ValueError(f"{path} lacks {', '.join(lacking)}; it must have the arrays "
                         f"{', '.join(_ARRAYS)} and the joints {', '.join(_JOINTS)}")
    return arrays


def _positions(model: RobotModel, names: list[str], clips: list[np.ndarray]) -> list[np.ndarray]:
    retargeter = Retargeter(model)
    return [_relived([kinect_posture(number / RATE, dict(zip(names, frame)))
                      for number, frame in enumerate(clip)], retargeter) for clip in clips]


def positions_of_npz(path: Path, model: RobotModel, noted: Noted | None = None) -> np.ndarray:
    """Return the robot's positions (frames, n) for all frames of an npz of Kinect skeletons."""
    data = _read(path)
    names = [str(name) for name in data["joint_names"]]
    points, offsets = data["frames"][:, :, :3].astype(float), data["offsets"]
    # x to the person's right, y up, z away from the camera -> x front, y left, z up
    points = np.stack([-points[..., 2], -points[..., 0], points[..., 1]], axis=-1)
    clips = [points[first:last] for first, last in pairwise(offsets)]
    return np.concatenate(_shared_out(_positions, (model, names), clips, np.diff(offsets), noted))


def recordings_of(path: Path, model: RobotModel, positions: np.ndarray | None = None,
                  noted: Noted | None = None) -> list[Recording]:
    """Return the recordings of a folder LABEL/*.bvh or of an npz, re-lived by a robot.

    Parameters
    ----------
    path : Path
        An npz has frames (f, j, 4), offsets (r + 1,), action and subject (r,), action_names,
        joint_names, at `RATE`; files of one folder count each as a person of its own.
    model : RobotModel
    positions : ndarray (f, n), optional
        Of the npz, when they were computed before.
    noted : callable, optional
        Is told which part is done, 0..1.

    Raises
    ------
    ValueError
        If there is nothing to read.
    """
    if path.is_dir():
        retargeter, out = Retargeter(model), []
        files = sorted(path.glob("*/*.bvh"))
        for number, file in enumerate(files):
            if noted is not None:
                noted(number / len(files))
            postures = postures_from_bvh(file)
            times = np.array([posture.stamp for posture in postures])
            out.append(Recording(file.parent.name, number,
                                 resampled(times, _relived(postures, retargeter))))
        if not out:
            raise ValueError(f"{path} holds no LABEL/*.bvh")
        return out
    positions = positions_of_npz(path, model, noted) if positions is None else positions
    data = _read(path)
    return [Recording(str(data["action_names"][action]), int(person), positions[first:last])
            for action, person, first, last in zip(
                data["action"], data["subject"], data["offsets"][:-1], data["offsets"][1:])]


@dataclass(frozen=True)
class Told:
    """What was told of recordings when so much of each had been seen.

    Attributes
    ----------
    names : tuple of C str
        The actions that can be told.
    probability : ndarray (r, f, C)
        Of each action, given that it is one of them; by recording and fraction seen.
    strange : ndarray (r, f)
        Probability that it is none of them.
    """

    names: tuple[str, ...]
    probability: np.ndarray
    strange: np.ndarray


def shown_units(recordings: Sequence[Recording], model: RobotModel) -> list[MotorPrimitive]:
    """Return a unit for each label, learnt from the recordings as `mirror_robot teach` does."""
    return [learn_primitive(label, model.joint_names, [
        (np.arange(len(r.frames)) / RATE, r.frames) for r in recordings if r.label == label])
        for label in sorted({r.label for r in recordings})]


def _last_frames(recording: Recording, fractions: Sequence[float]) -> list[int]:
    return [max(int(np.ceil(part * len(recording.frames))), 1) - 1 for part in fractions]


def _fires(recognizer: Recognizer, fractions: Sequence[float],
           recordings: list[Recording]) -> list[list[np.ndarray]]:
    out = []
    for recording in recordings:
        recognizer.reset()
        fires = [recognizer.update(number / RATE, positions).probability
                 for number, positions in enumerate(recording.frames)]
        out.append([fires[last] for last in _last_frames(recording, fractions)])
    return out


def recognised(recognizer: Recognizer, recordings: Sequence[Recording],
               fractions: Sequence[float] = FRACTIONS, noted: Noted | None = None) -> Told:
    """Return what a recogniser tells of recordings of positions, each a stream of its own.

    The stream is not cut for it, and nobody says where an action starts or ends. `noted` is told
    which part is done, 0..1.
    """
    fires = np.array(_shared_out(_fires, (recognizer, fractions), recordings,
                                 [len(recording.frames) for recording in recordings], noted))
    known = fires.sum(axis=2)
    return Told(recognizer.names, fires / np.maximum(known, 1e-12)[..., None], 1.0 - known)


def followed(learnt: Demonstrated, recordings: Sequence[Recording],
             fractions: Sequence[float] = FRACTIONS) -> Told:
    """Return what is told of recordings of points when each is followed from its beginning."""
    listener, out = Listener(learnt), []
    for recording in recordings:
        listener.reset()
        heard = [listener.hear(points) for points in recording.frames]
        out.append([heard[last] for last in _last_frames(recording, fractions)])
    return Told(learnt.names, np.array([[one.probability for one in row] for row in out]),
                np.array([[one.strange for one in row] for row in out]))


def accuracy(told: Told, recordings: Sequence[Recording],
             ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return accuracy (f,), expected calibration error (f,) and confusions at the end (C, C)."""
    probability = told.probability
    truth = np.array([told.names.index(recording.label) for recording in recordings])
    right = probability.argmax(axis=2) == truth[:, None]
    errors = [calibration_error(probability[:, column].max(axis=1), right[:, column])
              for column in range(probability.shape[1])]
    confusion = np.zeros((len(told.names),) * 2, int)
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


def unknown_detection(train: Sequence[Recording], test: Sequence[Recording], model: RobotModel,
                      folds: int = 4, seed: int = 0, noted: Noted | None = None) -> list[float]:
    """Return, per fold of actions that are not learnt, the AUROC of telling them as unknown."""
    labels = sorted({recording.label for recording in train})
    order = np.random.default_rng(seed).permutation(len(labels))
    features, out = MotorFeatures(model), []
    for fold in range(folds):
        hidden = {labels[row] for row in order[fold::folds]}
        units = shown_units([r for r in train if r.label not in hidden], model)
        told = recognised(Recognizer(units, features), test, (1.0,),
                          noted and (lambda part, fold=fold: noted((fold + part) / folds)))
        out.append(auroc(told.strange[:, 0], np.array([r.label in hidden for r in test])))
    return out
