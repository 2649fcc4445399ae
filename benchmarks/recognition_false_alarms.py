# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What the built-in repertoire takes movements for that mean nothing: false alarms and flicker.

    python benchmarks/recognition_false_alarms.py [dance.bvh pianist.avi ...]

A movement is said to be seen when some unit stands above 0.5; random walks of all joints are
measured always, motion capture when it is given, or lies in the folder of material.py.
"""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import pairwise
from pathlib import Path

import material
import numpy as np

from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.body.retargeting import Retargeter
from mirror_robot.console.teach import postures_of
from mirror_robot.mirror.features import MotorFeatures
from mirror_robot.mirror.recognition import Recognizer
from mirror_robot.motor.repertoire import load_repertoire


def random_walk(model: RobotModel, seed: int, length: float = 30.0,
                ) -> tuple[np.ndarray, np.ndarray]:
    """Return times (t,) and positions (t, n) of joints that sway at random, smoothly."""
    random = np.random.default_rng(seed)
    times = np.arange(0.0, length, 1 / 30)
    count = len(model.rest)
    sway = sum(size * np.sin(2 * np.pi * pace * np.outer(times, random.uniform(0.7, 1.3, count))
                             + random.uniform(0, 2 * np.pi, count))
               for pace, size in ((0.15, 0.35), (0.3, 0.25), (0.6, 0.15)))
    middle = 0.5 * (np.maximum(model.lower, -2) + np.minimum(model.upper, 2))
    return times, model.clip(middle + 0.5 * sway * (model.upper - model.lower))


def report(name: str, recognizer: Recognizer, times: np.ndarray, positions: np.ndarray) -> None:
    """Print how often body units fire in a stream."""
    recognizer.reset()
    labels = [recognizer.update(t, q).best("body") for t, q in zip(times, positions)]
    named = [label for label in labels if label not in ("rest", "unknown")]
    onsets = sum(a != b and b not in ("rest", "unknown") for a, b in pairwise(labels))
    changes = sum(a != b for a, b in pairwise(labels))
    minutes = len(times) * float(np.median(np.diff(times))) / 60
    most = ", ".join(f"{n} {c / len(labels):.0%}" for n, c in Counter(named).most_common(4))
    print(f"| {name} | {60 * minutes:.0f} | {len(named) / len(labels):.0%} | "
          f"{onsets / minutes:.1f} | {changes / minutes:.1f} | {most} |", flush=True)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="*", default=material.motions())
    files = parser.parse_args().files
    model = load_model("kagami")
    recognizer = Recognizer(load_repertoire(model).units, MotorFeatures(model))
    print("| stream | s | named | alarms a minute | label changes a minute | most |\n"
          "|---|---|---|---|---|---|")
    walks = [random_walk(model, seed) for seed in range(3)]
    report("random walks", recognizer,
           np.concatenate([times + 60 * n for n, (times, _) in enumerate(walks)]),
           np.concatenate([positions for _, positions in walks]))
    retargeter = Retargeter(model)
    for file in files:
        postures = postures_of(file, lambda _: None)
        postures = postures[::max(round(1 / 30 / (postures[1].stamp - postures[0].stamp)), 1)]
        retargeter.reset()
        positions = np.array([retargeter.retarget(posture).positions for posture in postures])
        report(file.name, recognizer, np.array([p.stamp for p in postures]), positions)


if __name__ == "__main__":
    main()
