# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Learning actions from some people and recognising them in others: MSRAction3D, 20 actions.

    python benchmarks/recognition_shown.py [msr_action3d.npz]

Odd-numbered people are learnt from, even-numbered ones tested; parameters were set on the odd ones
alone, each left out in turn. Recognised is with the recogniser of the mirror node, on streams.
Without the data only the cost is measured.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path

import numpy as np

from mirror_robot.body import retargeting
from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.mirror.demonstrated import Demonstrated, Listener
from mirror_robot.mirror.evaluation import (
    FRACTIONS,
    Recording,
    accuracy,
    followed,
    positions_of_npz,
    recognised,
    recordings_of,
    shown_units,
    unknown_detection,
)
from mirror_robot.mirror.features import MotorFeatures, RobotPoints
from mirror_robot.mirror.recognition import Recognizer
from mirror_robot.motor.primitive import RATE, MotorPrimitive, MotorStyle
from mirror_robot.resources import cache_folder

_TREE = (("pelvis", "spine"), ("spine", "neck"), ("neck", "head"), *(
    (a if a in ("neck", "pelvis") else f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right") for a, b in (
        ("neck", "shoulder"), ("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand"),
        ("pelvis", "hip"), ("hip", "knee"), ("knee", "ankle"))))
_UPPER = ("shoulder", "elbow", "wrist", "hand")
_LEGS = ("knee", "ankle")


def relived(path: Path, model: RobotModel) -> np.ndarray:
    """Return the robot's positions (frames, n) for an npz; kept while retargeting is alike."""
    body = sorted(Path(retargeting.__file__).parent.glob("*.py"))
    text = b"".join([*(file.read_bytes() for file in body), model.urdf.encode()])
    kept = cache_folder() / f"{path.stem}-{hashlib.sha256(text).hexdigest()[:16]}.npy"
    if not kept.is_file():
        np.save(kept, positions_of_npz(path, model))
    return np.load(kept)


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
    """Learn from recordings of points."""
    return Demonstrated([(recording.label, recording.frames) for recording in recordings])


def in_points(recordings: list[Recording], model: RobotModel) -> list[Recording]:
    """Return recordings of positions as recordings of the robot's points."""
    points = RobotPoints(model)
    return [Recording(r.label, r.person, points(r.frames)) for r in recordings]


def with_gaps(recordings: list[Recording], share: float) -> list[Recording]:
    """Return recordings with so many of the points of every frame unknown."""
    random = np.random.default_rng(0)
    return [Recording(r.label, r.person, np.where(
        random.random((*r.frames.shape[:2], 1)) < share, np.nan, r.frames)) for r in recordings]


def head(name: str) -> None:
    """Print the head of a table."""
    print(f"\n| {name} | " + " | ".join(f"{f:.0%}" for f in FRACTIONS) + " |")
    print("|---" * 6 + "|")


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
        points = recording.frames
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


def gain(path: Path, train: list[Recording], test: list[Recording]) -> None:
    """Print how the same learner does in other spaces, clean and with gaps."""
    head("space, points")
    spaces = {"motor space": (train, test)} | {
        name: halves(landmark_recordings(path, parts)) for name, parts in (
            ("landmarks, upper body", _UPPER), ("landmarks, legs too", _UPPER + _LEGS))}
    for name, (seen, other) in spaces.items():
        learnt = learn(seen)
        row(name, accuracy(followed(learnt, other), other)[0])
        row(f"{name}, 30 % missing", accuracy(followed(learnt, with_gaps(other, 0.3)), other)[0])


def some_units(model: RobotModel, count: int) -> list[MotorPrimitive]:
    """Return so many units that wander about at random."""
    random, units = np.random.default_rng(0), []
    for number in range(count):
        steps = np.cumsum(0.1 * random.standard_normal((25, len(model.rest))), axis=0)
        mean = model.clip(model.rest + np.where(model.body, steps - steps[0], np.nan))
        units.append(MotorPrimitive(f"unit_{number}", model.joint_names, (
            MotorStyle("only", mean, np.zeros((0, *mean.shape)), 2.0),)))
    return units


def median_time(call, frames) -> float:
    """Return the median processor time of a call with each frame's arguments [ms]."""
    spent = []
    for frame in frames:
        begun = time.process_time()
        call(*frame)
        spent.append(time.process_time() - begun)
    return 1e3 * float(np.median(spent))


def cost(model: RobotModel) -> None:
    """Print the time of a frame against the number of units, beside nearest-neighbour DTW."""
    try:
        from dtaidistance import dtw_ndim
    except ImportError:
        dtw_ndim = None
    random, features = np.random.default_rng(0), MotorFeatures(model)
    print("\n| units | build [s] | frame, filter [ms] | memory [MB] | frame, shown units followed "
          "[ms] | memory [MB] | 1-NN DTW (dtaidistance) [ms] |\n|---|---|---|---|---|---|---|")
    for count in (10, 100, 1000, 10000):
        begun = time.perf_counter()
        recognizer = Recognizer(some_units(model, count), features)
        built = time.perf_counter() - begun
        sway = model.rest + 0.1 * np.sin(np.arange(30))[:, None] * model.body
        filtered = median_time(recognizer.update, zip(np.arange(30) / 30, sway))
        memory = recognizer.nbytes
        del recognizer
        courses = np.cumsum(0.03 * random.standard_normal((count, 40, 8, 3)), axis=1)
        learnt = Demonstrated([(f"a{number % min(count, 20)}", course)
                               for number, course in enumerate(courses)])
        shown = median_time(Listener(learnt).hear, zip(courses[0][:20]))
        other = "-"
        if dtw_ndim is not None and count <= 1000:
            query = courses[0][:20].reshape(20, -1)
            begun = time.process_time()
            for course in courses:
                dtw_ndim.distance_fast(query, np.ascontiguousarray(course.reshape(40, -1)))
            other = f"{1e3 * (time.process_time() - begun):.2f}"
        print(f"| {count} | {built:.1f} | {filtered:.2f} | {memory / 1e6:.1f} | {shown:.2f} | "
              f"{learnt.nbytes / 1e6:.1f} | {other} |", flush=True)


def main() -> None:
    """Print one table per question."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path("data/msr_action3d.npz"))
    data = parser.parse_args().data
    model = load_model("kagami")
    if not data.is_file():
        print(f"{data} is not there: only the cost is measured")
        cost(model)
        return
    train, test = halves(recordings_of(data, model, relived(data, model)))
    features = MotorFeatures(model)
    right, error, _ = accuracy(
        recognised(Recognizer(shown_units(train, model), features), test), test)
    head("seen")
    row("right [%]", right)
    row("ECE [%]", error)
    areas = unknown_detection(train, test, model)
    print(f"\nfive actions not learnt, told as unknown: AUROC {np.mean(areas):.3f} "
          f"({', '.join(f'{area:.3f}' for area in areas)})", flush=True)
    head("examples of each action")
    for count in (1, 3, 10):
        random = np.random.default_rng(0)
        few = []
        for label in sorted({r.label for r in train}):
            own = [r for r in train if r.label == label]
            few += [own[i] for i in random.permutation(len(own))[:count]]
        some = Recognizer(shown_units(few, model), features)
        row(str(count), accuracy(recognised(some, test), test)[0])
    train, test = in_points(train, model), in_points(test, model)
    prediction(learn(train), test)
    gain(data, train, test)
    cost(model)


if __name__ == "__main__":
    main()
