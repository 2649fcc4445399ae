# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Which expressions are told of the sample faces, by the names of REP-155.

    python benchmarks/expression.py

The phases of the clip were labelled by eye. Each photograph is shown for a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from perception import _Fed

from mirror_robot.human.expression import Expression, ExpressionSense
from mirror_robot.human.face import NeutralFace
from mirror_robot.perception import wire
from mirror_robot.perception.assets import asset
from mirror_robot.perception.tracking import FaceTracker

PHOTOGRAPHS = {"0-f1-su-ph.jpg": "surprised", "0-f15-hao-ph.jpg": "happy",
               "15-f13-anc-ph.jpg": "angry", "45-m7-di-ph.jpg": "disgusted"}
WEEPING = (("sad", 0.0, 0.6), ("weeping", 0.7, 2.4), ("behind a hand", 2.5, 5.8),
           ("worried", 5.9, 9.3), ("relief", 9.4, 10.2), ("toothy smile", 10.3, 12.1),
           ("laughing", 12.2, 16.0), ("smiling", 16.1, 17.9), ("laughing, eyes shut", 18.0, 19.7))


def images(clip: str, scale: float = 1.0) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (time [s], image) of a sample clip."""
    capture = cv2.VideoCapture(str(asset(clip)))
    rate, number = capture.get(cv2.CAP_PROP_FPS), 0
    while capture.grab():
        yield number / rate, cv2.resize(capture.retrieve()[1], None, fx=scale, fy=scale)
        number += 1


def read(shown: Iterable[tuple[float, np.ndarray]]) -> list[tuple[float, Expression]]:
    """Return (time [s], expression) for each image in which a face is found."""
    fed, tracker, neutral, sense, out = (
        _Fed("face"), FaceTracker(), NeutralFace(), ExpressionSense(), [])
    for number, (stamp, image) in enumerate(shown):
        face = tracker(stamp, wire.faces(fed.feed(number, image)), *image.shape[:2])
        if face is not None:
            neutral.update(stamp, face.coefficients)
            out.append((stamp, sense(stamp, face.coefficients, neutral)))
    fed.worker.close()
    return out


def tell(name: str, seen: list[Expression]) -> None:
    """Print a line on what was told."""
    names = Counter(one.name or "(unclear)" for one in seen).most_common(3)
    print(f"{name:32s} " + ", ".join(f"{word} {n / len(seen):.0%}" for word, n in names)
          + f"; valence {np.mean([one.valence for one in seen]):+.2f}")


def main() -> None:
    """Print the table."""
    for name, label in PHOTOGRAPHS.items():
        image = cv2.imread(str(asset(name)))
        seen = read((n / 30, image) for n in range(30))[-1][1]
        print(f"photograph, {label:20s} {seen.name}; valence {seen.valence:+.2f}, confidence "
              f"{seen.confidence:.2f}")
    course = read(images("WolfgangLanger_Pexels.mp4"))
    for phase, start, end in WEEPING:
        tell(phase, [seen for stamp, seen in course if start <= stamp <= end])
    changes = np.count_nonzero(np.diff(np.sign([seen.valence for _, seen in course])))
    print(f"changes of the sign of valence: {changes}")
    course = read(images("single_face.mp4"))
    tell("neutral", [seen for stamp, seen in course if stamp <= 0.5])
    tell("smiling", [seen for stamp, seen in course if stamp >= 1.2])
    tell("talking", [seen for _, seen in read(images("carphone_pristine.mp4", 3.0))])


if __name__ == "__main__":
    main()
