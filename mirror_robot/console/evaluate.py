# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Learns from some labelled recordings and recognises the others, frame by frame.

The recordings are re-lived by the robot, learnt as `mirror_robot teach` does, and recognised as
the mirror node does. Prints accuracy against the fraction seen, calibration, unknown actions and
confusions.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from mirror_robot.body.model import load_model
from mirror_robot.mirror.evaluation import (
    FRACTIONS,
    Recording,
    accuracy,
    recognised,
    recordings_of,
    shown_units,
    unknown_detection,
)
from mirror_robot.mirror.features import MotorFeatures
from mirror_robot.mirror.recognition import Recognizer
from mirror_robot.progress import Progress

EXAMPLES = """\
examples:
  mirror_robot evaluate recordings.npz
  mirror_robot evaluate my_recordings/ --robot my_robot.yaml      my_recordings/wave/1.bvh ...
  mirror_robot evaluate recordings.npz --json | jq .accuracy
"""


_PARTS = 6
"""Of about the same duration: re-living, recognising, and four times with actions left out."""


def split(recordings: list[Recording]) -> tuple[list[Recording], list[Recording]]:
    """Return what is learnt from (odd people) and what is tested with (the others).

    Raises
    ------
    ValueError
        If one of them is empty, or something is tested that is never shown.
    """
    train = [recording for recording in recordings if recording.person % 2]
    test = [recording for recording in recordings if not recording.person % 2]
    shown = {recording.label for recording in train}
    test = [recording for recording in test if recording.label in shown]
    if not train or not test:
        raise ValueError("recordings of at least two people (or two files of an action) are "
                         "needed: odd ones to learn from, even ones to test with")
    return train, test


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mirror_robot evaluate`."""
    parser.add_argument("data", type=Path, help="folder LABEL/*.bvh, or npz with frames, offsets, "
                        "action, subject, action_names, joint_names")
    parser.add_argument("--robot", default="kagami", help="robot profile (default: kagami)")
    parser.add_argument("--output", type=Path, default=Path("output/evaluation"), metavar="FOLDER",
                        help="where figures and plot go (default: output/evaluation)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the figures, write them and a plot; return the exit code."""
    robot, output = options.robot, options.output
    model = load_model(robot)
    areas: list[float] = []
    with Progress("evaluating") as progress:
        train, test = split(recordings_of(
            options.data, model, noted=lambda part: progress.show(part, _PARTS)))
        recognizer = Recognizer(shown_units(train, model), MotorFeatures(model))
        names = recognizer.names
        right, error, confusion = accuracy(recognised(
            recognizer, test, noted=lambda part: progress.show(1 + part, _PARTS)), test)
        if len(names) >= 8:
            areas = unknown_detection(
                train, test, model, noted=lambda part: progress.show(2 + 4 * part, _PARTS))
        progress.show(1, 1)
    figures = {"robot": robot, "learnt_from": len(train), "tested": len(test),
               "fractions": FRACTIONS, "accuracy": right.tolist(), "ece": error.tolist(),
               "actions": list(names), "confusion": confusion.tolist()}
    if areas:
        figures["unknown_auroc"] = areas
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        _tell(figures, model.profile.name)
    output.mkdir(parents=True, exist_ok=True)
    (output / "figures.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    _plot(figures, output / "figures.png")
    print(f"figures and plot in {output}", file=sys.stderr if options.json else sys.stdout)
    return 0


def _tell(figures: dict[str, Any], robot: str) -> None:
    names, confusion = figures["actions"], np.array(figures["confusion"])
    print(f"{figures['learnt_from']} recordings learnt from, {figures['tested']} tested, "
          f"{len(names)} actions, in the motor space of {robot}")
    print("seen      " + "".join(f"{fraction:8.0%}" for fraction in FRACTIONS))
    print("right     " + "".join(f"{value:8.1%}" for value in figures["accuracy"]))
    print("ECE       " + "".join(f"{value:8.3f}" for value in figures["ece"]))
    if areas := figures.get("unknown_auroc"):
        print(f"unknown actions told: AUROC {np.mean(areas):.3f} "
              f"({', '.join(f'{area:.3f}' for area in areas)})")
    else:
        print("unknown actions: not measured with fewer than 8 actions")
    wrong = np.argwhere(confusion * (1 - np.eye(len(confusion), dtype=int)))
    print("confused at the end:" if len(wrong) else "nothing is confused at the end")
    for row, column in wrong:
        print(f"  {names[row]:20} taken for {names[column]:20} {confusion[row, column]}")


def _plot(figures: dict, path: Path) -> None:
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names, counts = figures["actions"], np.array(figures["confusion"])
    width = max(0.32 * len(names), 3.0)
    room = 0.08 * max(map(len, names)) + 0.8  # inches that the longest name takes beside the table
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(5.5 + width + room, max(width, 4.0) + room), layout="constrained",
        width_ratios=(4.5, width + room))
    left.plot(figures["fractions"], figures["accuracy"], "-o", label="told right")
    left.plot(figures["fractions"], figures["ece"], "--s", label="calibration error (ECE)")
    left.set(xlabel="fraction of the movement seen", ylabel="share of the recordings",
             ylim=(-0.02, 1.02), title=f"in the motor space of {Path(figures['robot']).stem}")
    left.grid(alpha=0.3)
    areas = figures.get("unknown_auroc")
    left.legend(loc="center right", title=areas and (
        f"unknown actions told: AUROC {np.mean(areas):.2f}"))
    right.imshow(counts, cmap="Blues")
    for row, column in zip(*np.nonzero(counts)):
        right.text(column, row, counts[row, column], ha="center", va="center", fontsize=7,
                   color="white" if counts[row, column] > 0.6 * counts.max() else "black")
    right.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    right.set_yticks(range(len(names)), names, fontsize=8)
    right.set(title="at the end", xlabel="told", ylabel="shown")
    figure.savefig(path)
    plt.close(figure)
