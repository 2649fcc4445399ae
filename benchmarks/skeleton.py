# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""REP-155 joint angles of motion capture: where their limbs point, jumps, noise and lag.

    python benchmarks/skeleton.py [FILE.bvh...] [--noise 0.02]

Every file is turned into the landmarks that a perfect perception would give at 30 Hz, these into
joint angles, and the angles back into limb directions.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import material
import numpy as np

from mirror_robot.human.bvh import read_bvh
from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.human.one_euro import OneEuroFilter
from mirror_robot.human.skeleton import (
    JOINTS,
    SkeletonSolver,
    directions_from_landmarks,
    limb_directions,
)

_NAMES = {
    "shoulder": ("{}Arm", "{s}UpArm", "{}Shoulder", "{s}Shoulder"),
    "elbow": ("{}ForeArm", "{s}LowArm", "{}Elbow"),
    "wrist": ("{}Hand", "{}Wrist"), "hip": ("{}UpLeg", "{}Hip", "{s}Thigh"),
    "knee": ("{}Leg", "{}LowLeg", "{}Knee"), "ankle": ("{}Foot", "{}Ankle"),
}


def landmarks_of(path: Path, rate: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    """Return (times (t,) [s], landmarks (t, 33, 3) in the body frame [m]) of a BVH file."""
    motion = read_bvh(path)
    points = np.full((len(motion.positions), 33, 3), np.nan)
    for point, names in _NAMES.items():
        for side in ("Left", "Right"):
            for name in names:
                for candidate in (name.format(side, s=side), name.format(side[0], s=side[0])):
                    if candidate in motion.index:
                        break
                else:
                    continue
                row = POSE_INDEX[f"{side.lower()}_{point}"]
                points[:, row] = motion.positions[:, motion.index[candidate]]
                break
    hips = points[:, [POSE_INDEX["left_hip"], POSE_INDEX["right_hip"]]]
    shoulders = points[:, [POSE_INDEX["left_shoulder"], POSE_INDEX["right_shoulder"]]]
    rise = np.median(shoulders.mean(axis=1) - hips.mean(axis=1), axis=0)
    vertical = np.zeros(3)
    vertical[np.abs(rise).argmax()] = np.sign(rise[np.abs(rise).argmax()])
    left = hips[:, 0] - hips[:, 1] + shoulders[:, 0] - shoulders[:, 1]
    left = left - (left @ vertical)[:, None] * vertical
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    axes = np.stack([np.cross(left, vertical), left, np.broadcast_to(vertical, left.shape)], 1)
    points = np.einsum("tij,tnj->tni", axes, points - hips.mean(axis=1)[:, None])
    scale = 0.49 / np.median(np.linalg.norm(
        points[:, [11, 12]].mean(axis=1) - points[:, [23, 24]].mean(axis=1), axis=1))
    # Interpolated, since picking frames of another rate makes steps that the motion does not have.
    place = np.arange(0, len(points) - 1, 1 / (rate * motion.period))
    first = place.astype(int)
    share = (place - first)[:, None, None]
    points = (1 - share) * points[first] + share * points[first + 1]
    return place * motion.period, scale * points


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(2 * np.arcsin(np.clip(0.5 * np.linalg.norm(a - b, axis=-1), 0, 1)))


def solve(times: np.ndarray, points: np.ndarray) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Return (angles per frame, limb directions of them name -> (t, 3))."""
    solver, angles, out = SkeletonSolver(), [], []
    for time, frame in zip(times, points):
        skeleton = solver(time, directions_from_landmarks(frame))
        angles.append(skeleton.angles)
        out.append(limb_directions(skeleton))
    return angles, {name: np.array([one[name] for one in out]) for name in out[0]}


def truth(points: np.ndarray) -> dict[str, np.ndarray]:
    """Return limb directions name -> (t, 3) of landmarks (t, 33, 3)."""
    each = [directions_from_landmarks(frame) for frame in points]
    return {name: np.array([one[name] for one in each]) for name in each[0]}


def lag_of(signal: np.ndarray, late: np.ndarray, step: float) -> float:
    """Return by how much `late` lags `signal` (t, 3 directions) [s], to a fraction of a frame."""
    at = np.arange(len(signal))
    shifts = np.arange(0.0, 6.01, 0.1)
    errors = []
    for shift in shifts:
        moved = np.column_stack([np.interp(at - shift, at, signal[:, i]) for i in range(3)])
        errors.append(np.mean((moved[7:] - late[7:]) ** 2))
    return shifts[int(np.argmin(errors))] * step


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, default=material.motions())
    parser.add_argument("--noise", type=float, default=0.02, help="standard deviation [m]")
    options = parser.parse_args()
    if not options.files:
        material.skip("motion capture (*.bvh)")
    print("file              frames  error of limbs [deg]       largest step [deg]: joint / limb"
          "         beyond   2 cm noise: p50 / p95   filtered: p50 / p95 / lag")
    print("                          p95 / worst limb's / max  arms              legs         "
          "        limits")
    for path in options.files:
        times, points = landmarks_of(path)
        should = truth(points)
        angles, points_at = solve(times, points)
        error = {name: _angle(points_at[name], should[name]) for name in points_at}
        every = np.array(list(error.values()))
        each = max(np.percentile(one, 95) for one in error.values())
        names = [name for name in JOINTS if name in angles[0]]
        table = np.array([[one[name] for name in names] for one in angles])
        limits = np.array([JOINTS[name] for name in names])
        outside = ((table < limits[:, 0] - 0.02) | (table > limits[:, 1] + 0.02)).mean()
        steps = " ".join(
            f"{_largest_step(table, names, joints):5.1f} /{_largest_turn(should, limbs):5.1f}"
            for joints, limbs in ((("shoulder", "elbow"), "arm"), (("hip", "knee"), "thigh")))
        random = np.random.default_rng(0)
        noisy = points + options.noise * random.normal(size=points.shape)
        smooth = OneEuroFilter(1.5, 10.0, vectors=True)
        filtered = np.array([smooth(time, frame) for time, frame in zip(times, noisy)])
        clean_filter = OneEuroFilter(1.5, 10.0, vectors=True)
        late = truth(np.array([clean_filter(t, frame) for t, frame in zip(times, points)]))
        lag = np.mean([lag_of(should[name], late[name], times[1] - times[0])
                       for name in should if "arm" in name])
        raw, done = (np.array([_angle(there[name], should[name]) for name in should])
                     for there in (solve(times, noisy)[1], solve(times, filtered)[1]))
        print(f"{path.name:18s}{len(times):5d}   {np.percentile(every, 95):5.2f} / {each:5.2f} /"
              f"{every.max():6.2f}     {steps}   {outside:9.1%}   {np.median(raw):7.1f} /"
              f"{np.percentile(raw, 95):5.1f}          {np.median(done):5.1f} /"
              f"{np.percentile(done, 95):5.1f} / {1e3 * lag:.0f} ms", flush=True)


def _largest_step(table: np.ndarray, names: list[str], joints: tuple[str, ...]) -> float:
    """Return the largest change of one of the joints from frame to frame [deg]."""
    some = table[:, [name.endswith(joints) for name in names]]
    return float(np.degrees(np.abs(
        (np.diff(some, axis=0) + np.pi) % (2 * np.pi) - np.pi)).max())


def _largest_turn(ways: dict[str, np.ndarray], limbs: str) -> float:
    """Return the largest turn of one of the limbs from frame to frame [deg]."""
    return max(float(_angle(way[1:], way[:-1]).max()) for name, way in ways.items()
               if limbs in name or (limbs == "thigh" and "shin" in name))


if __name__ == "__main__":
    main()
