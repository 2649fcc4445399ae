# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Learning actions from some people and recognising them in others: MSRAction3D, 20 actions.

    python benchmarks/recognition_shown.py [msr_action3d.npz]

Odd-numbered people are learnt from, even-numbered ones tested; parameters were set on the odd ones
alone, each left out in turn. Without the data only the cost is measured.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import material
import numpy as np

from mirror_robot.body.model import load_model
from mirror_robot.mirror.demonstrated import RATE, Demonstrated, Listener
from mirror_robot.mirror.evaluation import (
    FRACTIONS,
    Recording,
    accuracy,
    heard_at_fractions,
    positions_of_npz,
    recordings_of,
    unknown_detection,
)
from mirror_robot.resources import cache_folder

_TREE = (("pelvis", "spine"), ("spine", "neck"), ("neck", "head"), *(
    (a if a in ("neck", "pelvis") else f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right") for a, b in (
        ("neck", "shoulder"), ("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand"),
        ("pelvis", "hip"), ("hip", "knee"), ("knee", "ankle"))))
_UPPER = ("shoulder", "elbow", "wrist", "hand")
_LEGS = ("knee", "ankle")


def landmark_recordings(path: Path, parts: tuple[str, ...]) -> list[Recording]:
    """Return the skeletons themselves, with limbs of median lengths, hung up at the pelvis."""
    with np.load(path, allow_pickle=False) as data:
        index = {str(name): row for row, name in enumerate(data["joint_names"])}
        seen = data["frames"][:, :, :3].astype(float)
        place = {"pelvis": np.zeros((len(seen), 3))}
        for parent, child in _TREE:
            limb = seen[:, index[child]] - seen[:, index[parent]]
            length = np.linalg.norm(limb, axis=1, keepdims=True)
            place[child] = place[parent] + limb / np.maximum(length, 1e-6) * np.median(length)
        chosen = ["spine", "neck"] + [f"{s}_{part}" for s in ("left", "right") for part in parts]
        points = np.stack([place[name] for name in chosen], axis=1)
        offsets = data["offsets"]
        return [Recording(str(data["action_names"][a]), int(p), points[first:last])
                for a, p, first, last in zip(data["action"], data["subject"], offsets[:-1],
                                             offsets[1:])]


def halves(recordings: list[Recording]) -> tuple[list[Recording], list[Recording]]:
    """Return the recordings of odd and of even people."""
    return ([r for r in recordings if r.person % 2], [r for r in recordings if not r.person % 2])


def learn(recordings: list[Recording]) -> Demonstrated:
    """Learn from recordings."""
    return Demonstrated([(recording.label, recording.points) for recording in recordings])


def with_gaps(recordings: list[Recording], share: float) -> list[Recording]:
    """Return recordings with so many of the points of every frame unknown."""
    random = np.random.default_rng(0)
    return [Recording(r.label, r.person, np.where(
        random.random((*r.points.shape[:2], 1)) < share, np.nan, r.points)) for r in recordings]


def row(name: str, values: np.ndarray) -> None:
    """Print a row of a table."""
    print(f"| {name} | " + " | ".join(f"{100 * value:.1f}" for value in values) + " |", flush=True)


def prediction(learnt: Demonstrated, test: list[Recording], ahead: float = 0.5) -> None:
    """Print how far the wrists and hands are foreseen wrongly."""
    frames = round(ahead * RATE)
    errors = {"units": [], "holding still": [], "constant velocity": []}
    listener = Listener(learnt)
    for recording in test[::3]:
        listener.reset()
        points = recording.points
        for now in range(len(points) - frames):
            listener.hear(points[now])
            if now < 3 or now % 2:
                continue
            truth = points[now + frames]
            moving = points[now] - points[now - 2]
            for name, guess in (("units", listener.forecast(ahead)),
                                ("holding still", points[now]),
                                ("constant velocity", points[now] + 0.5 * frames * moving)):
                errors[name].append(np.linalg.norm(guess - truth, axis=1)[[3, 7]].mean())
    print(f"\n| hands {ahead} s ahead | mean error [mm] |\n|---|---|")
    for name, values in errors.items():
        print(f"| {name} | {1e3 * np.mean(values):.0f} |", flush=True)


def cost() -> None:
    """Print the time of a frame against the number of demonstrations, beside DTW."""
    try:
        from dtaidistance import dtw_ndim
    except ImportError:
        dtw_ndim = None
    random = np.random.default_rng(0)
    print("\n| demonstrations | frame [ms] | memory [MB] | 1-NN DTW (dtaidistance) [ms] |"
          "\n|---|---|---|---|")
    for count in (10, 100, 1000, 10000):
        courses = np.cumsum(0.03 * random.standard_normal((count, 40, 8, 3)), axis=1)
        labels = [f"a{number % min(count, 20)}" for number in range(count)]
        learnt = Demonstrated(list(zip(labels, courses)))
        listener = Listener(learnt)
        spent = []
        for points in courses[0][:20]:
            begun = time.perf_counter()
            listener.hear(points)
            spent.append(time.perf_counter() - begun)
        other = "-"
        if dtw_ndim is not None and count <= 1000:
            query = courses[0][:20].reshape(20, -1)
            begun = time.perf_counter()
            for course in courses:
                dtw_ndim.distance_fast(query, np.ascontiguousarray(course.reshape(40, -1)))
            other = f"{1e3 * (time.perf_counter() - begun):.2f}"
        print(f"| {count} | {1e3 * np.median(spent):.2f} | {learnt.nbytes / 1e6:.1f} | {other} |",
              flush=True)


def main() -> None:
    """Print one table per question."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=material.msr_actions())
    data = parser.parse_args().data
    if data is None:
        cost()
        material.skip(f"{material.MSR} for all but the cost")
    model = load_model("kagami")
    kept = cache_folder() / f"msr_{model.profile.name}.npy"
    if not kept.is_file():
        np.save(kept, positions_of_npz(data, model))
    train, test = halves(recordings_of(data, model, np.load(kept)))
    learnt = learn(train)
    right, error, _ = accuracy(learnt, test, heard_at_fractions(learnt, test))
    print("| seen | " + " | ".join(f"{fraction:.0%}" for fraction in FRACTIONS) + " |")
    print("|---" * 6 + "|")
    row("right [%]", right)
    row("ECE [%]", error)
    areas = unknown_detection(train, test)
    print(f"\nfive actions not learnt, told as unknown: AUROC {np.mean(areas):.3f} "
          f"({', '.join(f'{area:.3f}' for area in areas)})")
    prediction(learnt, test)
    print("\n| examples of each action | " + " | ".join(f"{f:.0%}" for f in FRACTIONS) + " |")
    print("|---" * 6 + "|")
    for count in (1, 3, 10):
        random = np.random.default_rng(0)
        few = []
        for label in learnt.names:
            own = [r for r in train if r.label == label]
            few += [own[i] for i in random.permutation(len(own))[:count]]
        some = learn(few)
        row(str(count), accuracy(some, test, heard_at_fractions(some, test))[0])
    print("\n| space, points | " + " | ".join(f"{f:.0%}" for f in FRACTIONS) + " |")
    print("|---" * 6 + "|")
    row("motor space", right)
    gaps = with_gaps(test, 0.3)
    row("motor space, 30 % missing",
        accuracy(learnt, gaps, heard_at_fractions(learnt, gaps))[0])
    for name, parts in (("landmarks, upper body", _UPPER), ("landmarks, legs too",
                                                            _UPPER + _LEGS)):
        seen, other = halves(landmark_recordings(data, parts))
        plain = learn(seen)
        row(name, accuracy(plain, other, heard_at_fractions(plain, other))[0])
        gaps = with_gaps(other, 0.3)
        row(f"{name}, 30 % missing", accuracy(plain, gaps, heard_at_fractions(plain, gaps))[0])
    cost()


if __name__ == "__main__":
    main()
