# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Sample faces as perception sees them, computed once for all tests of a run."""

from __future__ import annotations

import functools
import queue

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


@functools.cache
def faces(clip: str, every: int = 1) -> tuple[FaceObservation, ...]:
    """Return the faces in every so many-th frame of a sample clip, by the real models."""
    capture = cv2.VideoCapture(str(asset(clip)))
    rate = capture.get(cv2.CAP_PROP_FPS)
    answers: queue.Queue[tuple[Frame, np.ndarray]] = queue.Queue()
    worker = LandmarkWorker("face", asset("face_landmarker.task"),
                            lambda frame, values, _: answers.put((frame, values)))
    tracker = FaceTracker()
    found = []
    try:
        worker.wait_ready()
        index = -1
        while capture.grab():
            index += 1
            if index % every:
                continue
            _, image = capture.retrieve()
            worker.offer(Frame(index / rate, image, index))
            frame, values = answers.get(timeout=30)
            height, width = image.shape[:2]
            if face := tracker(frame.stamp, wire.faces(values), height, width):
                found.append(face)
    finally:
        worker.close()
        capture.release()
    return tuple(found)
