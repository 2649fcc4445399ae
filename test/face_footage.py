# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Sample faces as perception sees them, computed once for all tests of a run."""

from __future__ import annotations

import contextlib
import functools
import queue
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from mirror_robot.human.observation import FaceObservation
from mirror_robot.perception import wire
from mirror_robot.perception.assets import asset
from mirror_robot.perception.sources import Frame
from mirror_robot.perception.tracking import FaceTracker
from mirror_robot.perception.workers import LandmarkWorker

WEEPING_THEN_LAUGHING = "WolfgangLanger_Pexels.mp4"
NEUTRAL_THEN_SMILING = "single_face.mp4"
TALKING = "carphone_pristine.mp4"


PHOTOGRAPHS = {"0-f1-su-ph.jpg": "surprised", "0-f15-hao-ph.jpg": "happy",
               "15-f13-anc-ph.jpg": "angry", "45-m7-di-ph.jpg": "disgusted"}
"""Labelled photographs."""


@contextlib.contextmanager
def _look() -> Iterator[Callable[[FaceTracker, float, np.ndarray], FaceObservation | None]]:
    """Start the face worker; yield a function that has it find the face in an image."""
    answers: queue.Queue[np.ndarray] = queue.Queue()
    worker = LandmarkWorker("face", asset("face_landmarker.task"),
                            lambda frame, values, seconds: answers.put(values))

    def look(tracker: FaceTracker, stamp: float, image: np.ndarray) -> FaceObservation | None:
        worker.offer(Frame(stamp, image, 0))
        return tracker(stamp, wire.faces(answers.get(timeout=30)), *image.shape[:2])

    try:
        worker.wait_ready()
        yield look
    finally:
        worker.close()


@functools.cache
def faces(clip: str, every: int, scale: float = 1.0) -> tuple[FaceObservation, ...]:
    """Return the faces in every so many-th frame of a sample clip, by the real models."""
    capture, tracker, found = cv2.VideoCapture(str(asset(clip))), FaceTracker(), []
    rate, index = capture.get(cv2.CAP_PROP_FPS), -1
    with _look() as look:
        while capture.grab():
            index += 1
            if index % every:
                continue
            image = cv2.resize(capture.retrieve()[1], None, fx=scale, fy=scale)
            if face := look(tracker, index / rate, image):
                found.append(face)
    capture.release()
    return tuple(found)


@functools.cache
def photographs() -> dict[str, FaceObservation]:
    """Return the faces in `PHOTOGRAPHS` by name; each is shown long enough to be believed."""
    found = {}
    with _look() as look:
        for number, name in enumerate(PHOTOGRAPHS):
            tracker, image = FaceTracker(), cv2.imread(str(asset(name)))
            for index in range(8):
                found[name] = look(tracker, 100.0 * number + index / 30, image)
    return found
