# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""How the built-in repertoire recognises people it has never seen: MSRAction3D, frame by frame.

    python benchmarks/recognition_msr.py [msr_action3d.npz] [--people odd|even] [--every]

Kinect skeletons are retargeted to the robot and run through the recogniser as they come, preceded
by nothing. Four of the twenty actions are in the repertoire; the other sixteen are strange to it,
and what fires during them is reported as it is. Parameters of the recogniser and the repertoire
were set on the odd-numbered people: report the even ones.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import material
import numpy as np
from recognition_shown import relived

from mirror_robot.body.model import load_model
from mirror_robot.mirror.features import MotorFeatures
from mirror_robot.mirror.recognition import Recognizer
from mirror_robot.motor.repertoire import load_repertoire

EXPECTED = {"high arm wave": {"wave"}, "two hand wave": {"wave"}, "hand clap": {"clap"},
            "bend": {"bow"}}
"""The action of the repertoire that each of the data's names stands for."""

RATE = 15.0
"""Frames a second of the recordings."""


def main() -> None:
    """Print what fires, action by action."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=material.msr_actions())
    parser.add_argument("--people", choices=("odd", "even"), default="even")
    parser.add_argument("--every", action="store_true", help="print every clip")
    arguments = parser.parse_args()
    if arguments.data is None:
        material.skip(material.MSR)
    model = load_model("kagami")
    with np.load(arguments.data, allow_pickle=False) as file:
        data = dict(file)
    positions = relived(arguments.data, model)
    units = [unit for unit in load_repertoire(model) if unit.channel == "body"]
    recognizer = Recognizer(units, MotorFeatures(model))
    action_of = np.array([unit.action for unit in recognizer.units])
    real = ~np.array([unit.background for unit in recognizer.units])
    actions = sorted(set(action_of[real]))
    membership = np.array([(action_of == action) & real for action in actions], float)

    people = [p for p in range(1, 11) if p % 2 == (arguments.people == "odd")]
    spent, frames = 0.0, 0
    rows: dict[str, list[tuple[str, float, float]]] = {}
    for clip in range(len(data["action"])):
        if data["subject"][clip] not in people:
            continue
        name = str(data["action_names"][data["action"][clip]])
        first, last = data["offsets"][clip:clip + 2]
        recognizer.reset()
        trace = []
        began = time.perf_counter()
        for frame in range(first, last):
            activation = recognizer.update((frame - first) / RATE, positions[frame])
            trace.append(membership @ activation.probability)
        spent += time.perf_counter() - began
        frames += last - first
        trace = np.array(trace)
        steady = np.array([np.convolve(column > 0.5, np.ones(3)).max() >= 3
                           for column in trace.T])
        top = int(np.where(steady, trace.sum(axis=0), 0.0).argmax())
        label = actions[top] if steady.any() else "nothing"
        when = float(np.argmax(trace[:, top] > 0.5)) / len(trace) if steady.any() else 1.0
        rows.setdefault(name, []).append((label, when, float(trace[:, top].max())))
        if arguments.every:
            print(f"{name:20} person {data['subject'][clip]:2} {label:14} at {when:.2f}")
    print(f"people {people}, {1e3 * spent / frames:.2f} ms a frame, {len(units)} units")
    print(f"{'action':20} {'clips':>5}  right  fired at  what fired most (clips)")
    right = known = strange = fired = 0
    for name in map(str, data["action_names"]):
        clips = rows.get(name, [])
        counts = Counter(label for label, _, _ in clips)
        wanted = EXPECTED.get(name, set())
        hits = [when for label, when, _ in clips if label in wanted]
        if wanted:
            right, known = right + len(hits), known + len(clips)
        else:
            strange += len(clips)
            fired += sum(label != "nothing" for label, _, _ in clips)
        share = f"{len(hits) / max(len(clips), 1):5.0%}" if wanted else "    -"
        when = f"{np.median(hits):8.0%}" if hits else "       -"
        told = ", ".join(f"{label} {count}" for label, count in counts.most_common(4))
        print(f"{name:20} {len(clips):5}  {share}  {when}  {told}")
    print(f"known actions named right: {right}/{known}; "
          f"something fired in {fired}/{strange} clips of strange actions")


if __name__ == "__main__":
    main()
