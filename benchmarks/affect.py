# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What the robot feels with the sample faces on its own face: tables and a plot of the curves.

    python benchmarks/affect.py [--robot kagami] [--plot curves.png] [--series FOLDER]

Clips and photographs are those of `mirror_robot.perception.assets`. FOLDER may hold posed
expression series of one's own (as of the Cohn-Kanade collection): <emotion>/<series>/<number>.png,
each from a neutral face to the apex, emotions named anger, disgust, fear, happiness, sadness,
surprise.
"""

from __future__ import annotations

import argparse
import queue
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from mirror_robot.body.face import face_drive, face_positions
from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.human.face import NeutralFace, action_units
from mirror_robot.human.observation import FaceObservation
from mirror_robot.mirror.affect import Affect, FeltAffect, describe
from mirror_robot.perception import wire
from mirror_robot.perception.assets import asset
from mirror_robot.perception.sources import Frame
from mirror_robot.perception.tracking import FaceTracker
from mirror_robot.perception.workers import LandmarkWorker

PHOTOGRAPHS = {"0-f1-su-ph.jpg": ("surprise", 0), "0-f15-hao-ph.jpg": ("happy", 1),
               "15-f13-anc-ph.jpg": ("angry", -1), "45-m7-di-ph.jpg": ("disgust", -1)}
"""Label and sign of valence; surprise has neither."""

PHASES = (("sad, eyes lowered", 0.0, 0.6), ("weeping", 0.7, 2.4), ("behind a hand", 2.5, 5.8),
          ("worried", 5.9, 9.3), ("relief", 9.4, 10.2), ("toothy smile", 10.3, 12.1),
          ("laughing", 12.2, 16.0), ("smiling", 16.1, 17.9), ("laughing, eyes shut", 18.0, 19.7))
"""Of WolfgangLanger_Pexels.mp4, by eye [s]."""

SIGNS = {"anger": -1, "disgust": -1, "fear": -1, "happiness": 1, "sadness": -1, "surprise": 0}


class Faces:
    """The face worker, asked image by image."""

    def __init__(self) -> None:
        self._answers: queue.Queue[np.ndarray] = queue.Queue()
        self._worker = LandmarkWorker("face", asset("face_landmarker.task"),
                                      lambda frame, values, seconds: self._answers.put(values))
        self._worker.wait_ready()
        self._offset = 0.0

    def follow(self, frames: Iterable[tuple[float, np.ndarray]]) -> Iterator[FaceObservation]:
        """Yield the faces in (time [s], image) of one person."""
        tracker = FaceTracker()
        self._offset += 1000.0  # the worker's clock goes on from one person to the next
        for stamp, image in frames:
            self._worker.offer(Frame(self._offset + stamp, image, 0))
            found = wire.faces(self._answers.get(timeout=30.0))
            if face := tracker(stamp, found, *image.shape[:2]):
                yield face

    def close(self) -> None:
        """End the worker."""
        self._worker.close()


def clip(name: str) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (time [s], image) of a sample clip."""
    capture = cv2.VideoCapture(str(asset(name)))
    rate, index = capture.get(cv2.CAP_PROP_FPS), 0
    while (frame := capture.read())[0]:
        yield index / rate, frame[1]
        index += 1


def held(path: Path, seconds: float = 5.0) -> Iterator[tuple[float, np.ndarray]]:
    """Yield a still image again and again, as a camera would."""
    image = cv2.imread(str(path))
    for index in range(int(seconds * 10)):
        yield index / 10, image


def feel(
    model: RobotModel, observations: Iterable[FaceObservation], neutral: NeutralFace | None = None,
    learn: bool = True,
) -> list[Affect]:
    """Return what is felt along the observations of one person."""
    felt, neutral, curve = FeltAffect(model.profile.face), neutral or NeutralFace(), []
    for face in observations:
        if learn:
            neutral.update(face.stamp, face.coefficients)
        units = action_units(face.coefficients, neutral)
        curve.append(felt.update(face.stamp, face_drive(model, face_positions(model, units))))
    return curve


def row(label: str, affect: Affect, note: str = "") -> str:
    """Return a line of a table."""
    mood = describe(affect)
    best = max(affect.emotions, key=lambda name: affect.emotions[name])
    return (f"{label:34} {affect.valence:+.2f} {affect.arousal:+.2f} {affect.dominance:+.2f} "
            f"{affect.confidence:.2f}  {mood.word:10} {best:8} {affect.emotions[best]:.2f} {note}")


def right(valence: float, sign: int) -> bool:
    """Return whether a valence has the sign that is wanted; 0 wants none that is strong."""
    return sign * valence > 0.05 if sign else abs(valence) < 0.3


def photographs(model: RobotModel, faces: Faces) -> None:
    """Print what is felt for the labelled photographs."""
    good = 0
    for name, (label, sign) in PHOTOGRAPHS.items():
        affect = feel(model, faces.follow(held(asset(name))), learn=False)[-1]
        good += right(affect.valence, sign)
        print(row(f"{name} ({label})", affect, "" if right(affect.valence, sign) else "WRONG"))
    print(f"valence as labelled: {good} of {len(PHOTOGRAPHS)}\n")


def clips(model: RobotModel, faces: Faces) -> dict[str, list[Affect]]:
    """Print what is felt along the sample clips and return the curves."""
    curves = {}
    for name in ("WolfgangLanger_Pexels.mp4", "single_face.mp4"):
        seen = list(faces.follow(clip(name)))
        begun = time.perf_counter()
        curves[name] = curve = feel(model, seen)
        cost = (time.perf_counter() - begun) / len(curve)
        valence = np.array([affect.valence for affect in curve])
        stamps = np.array([affect.stamp for affect in curve])
        clear = valence[np.abs(valence) > 0.05] > 0
        print(f"{name}: {len(curve)} faces, {1000 * cost:.2f} ms each without the camera's part, "
              f"valence changes its sign {np.count_nonzero(np.diff(clear))} times")
        phases = PHASES if name.startswith("Wolfgang") else (
            ("neutral", 0.0, 0.5), ("smiling", 1.2, 2.4))
        for label, start, end in phases:
            inside = (stamps >= start) & (stamps <= end)
            middle = curve[int(np.flatnonzero(inside)[inside.sum() // 2])]
            print(row(f"  {label} {start:.1f}..{end:.1f} s", middle,
                      f"valence {valence[inside].mean():+.2f} "
                      f"({valence[inside].min():+.2f}..{valence[inside].max():+.2f})"))
        print()
    return curves


def series(model: RobotModel, faces: Faces, folder: Path) -> None:
    """Print how posed expressions are felt: of strangers, and of people seen neutral before."""
    good = {"stranger": 0, "known": 0}
    total = 0
    for emotion, sign in SIGNS.items():
        for one in sorted((folder / emotion).glob("*")):
            images = sorted(one.glob("*.png"))
            first = list(faces.follow(held(images[0], 1.5)))
            last = list(faces.follow(held(images[-1])))
            if not (first and last):
                continue
            neutral = NeutralFace()
            for face in first:
                neutral.update(face.stamp, face.coefficients)
            stranger = feel(model, last, learn=False)[-1]
            known = feel(model, last, neutral, learn=False)[-1]
            total += 1
            good["stranger"] += right(stranger.valence, sign)
            good["known"] += right(known.valence, sign)
            print(row(f"{emotion} {one.name}", known,
                      "" if right(known.valence, sign) else "WRONG"))
    if total:
        print(f"valence as posed: strangers {good['stranger']}, people seen neutral before "
              f"{good['known']}, of {total}\n")


def plot(curves: dict[str, list[Affect]], path: Path) -> None:
    """Write the curves as an image."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(curves), figsize=(12, 4 * len(curves)))
    for axis, (name, curve) in zip(axes, curves.items()):
        stamps = [affect.stamp for affect in curve]
        for key in ("valence", "arousal", "dominance", "confidence"):
            axis.plot(stamps, [getattr(affect, key) for affect in curve], label=key)
        axis.set(title=name, xlabel="s", ylim=(-1, 1))
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right")
        for index, (label, start, end) in enumerate(PHASES if name.startswith("Wolfgang") else ()):
            axis.axvspan(start, end, alpha=0.08, color=f"C{index}")
            axis.text(start, 0.93 - 0.08 * (index % 2), label, fontsize=8)
    figure.tight_layout()
    figure.savefig(path)
    print(f"curves: {path}")


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--robot", default="kagami", help="name or profile of a robot")
    parser.add_argument("--plot", type=Path, help="where to write the curves")
    parser.add_argument("--series", type=Path, help="folder of posed expression series")
    arguments = parser.parse_args()
    model, faces = load_model(arguments.robot), Faces()
    print(f"{'':34} val.  arou. domi. conf.  mood       emotion")
    try:
        photographs(model, faces)
        curves = clips(model, faces)
        if arguments.series:
            series(model, faces, arguments.series)
    finally:
        faces.close()
    if arguments.plot:
        plot(curves, arguments.plot)


if __name__ == "__main__":
    main()
