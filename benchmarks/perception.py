# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Rate of the landmark workers against bare MediaPipe, and what is found of people.

    python benchmarks/perception.py [--frames 200]

The same images go through both landmarkers in turn in one process, and through both workers at
once; everything as fast as it goes, in one run on one machine.
"""

from __future__ import annotations

import argparse
import threading
import time

import cv2
import mediapipe
import numpy as np
from footage import crossing, frames
from mediapipe.tasks.python import BaseOptions, vision

from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.perception import wire
from mirror_robot.perception.assets import asset
from mirror_robot.perception.head_crop import head_of
from mirror_robot.perception.people import People, match_faces
from mirror_robot.perception.sources import Frame
from mirror_robot.perception.tracking import BodyTracker
from mirror_robot.perception.workers import LandmarkWorker

MODELS = {"pose": "pose_landmarker_full.task", "face": "face_landmarker.task"}
CLIPS = "single_face.mp4", "WolfgangLanger_Pexels.mp4", "dancer.avi"
SIZES = ((640, 480), (1280, 720), (1920, 1080))


def _in_turn(images: list[np.ndarray]) -> tuple[float, np.ndarray]:
    """Return (time per image [s], medians of pose and face (2,) [s])."""
    base = {kind: BaseOptions(model_asset_path=str(asset(name))) for kind, name in MODELS.items()}
    video = vision.RunningMode.VIDEO
    pose = vision.PoseLandmarker.create_from_options(vision.PoseLandmarkerOptions(
        base_options=base["pose"], running_mode=video))
    face = vision.FaceLandmarker.create_from_options(vision.FaceLandmarkerOptions(
        base_options=base["face"], running_mode=video, output_face_blendshapes=True,
        output_facial_transformation_matrixes=True))
    spent, begun = [], time.perf_counter()
    for number, frame in enumerate(images):
        image = mediapipe.Image(
            image_format=mediapipe.ImageFormat.SRGB, data=cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        times = [time.perf_counter()]
        for landmarker in (pose, face):
            landmarker.detect_for_video(image, 33 * number)
            times.append(time.perf_counter())
        spent.append(np.diff(times))
    return (time.perf_counter() - begun) / len(images), np.median(spent, axis=0)


class _Fed:
    """A worker that gets the next image as soon as it has answered."""

    def __init__(self, kind: str, **options: int) -> None:
        self._answered = threading.Event()
        self.spent: list[float] = []
        self.values: list[np.ndarray] = []
        self.worker = LandmarkWorker(kind, asset(MODELS[kind]), self._take, **options)
        self.worker.wait_ready()

    def _take(self, frame: Frame, values: np.ndarray, seconds: float) -> None:
        self.spent.append(seconds)
        self.values.append(values)
        self._answered.set()

    def feed(self, number: int, image: np.ndarray, *heads: dict) -> np.ndarray:
        self._answered.clear()
        self.worker.offer(Frame(number / 30, image, number), *heads)
        self._answered.wait()
        return self.values[-1]


def _at_once(images: list[np.ndarray]) -> tuple[float, np.ndarray, float]:
    """Return (time per image, medians of the workers (2,), time of this process) [s]."""
    fed = [_Fed(kind) for kind in MODELS]

    def run(one: _Fed) -> None:
        for number, frame in enumerate(images):
            one.feed(number, frame)

    threads = [threading.Thread(target=run, args=(one,)) for one in fed]
    begun, own = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    each = (time.perf_counter() - begun) / len(images)
    own = (time.process_time() - own) / len(images)
    for one in fed:
        one.worker.close()
    return each, np.array([np.median(one.spent) for one in fed]), own


def _pose_share(clip: str, count: int) -> float:
    """Return the share of images with a body."""
    fed, tracker = _Fed("pose"), BodyTracker()
    seen = [tracker(n / 30, wire.poses(fed.feed(n, image))) is not None
            for n, image in enumerate(frames(clip, 3 * count)[::3])]
    fed.worker.close()
    return float(np.mean(seen))


def _face_share(clip: str, count: int) -> tuple[float, float]:
    """Return the share of images with a face (without, with) the head's place from the pose."""
    pose, whole, cropped = _Fed("pose"), _Fed("face"), _Fed("face")
    found, images = np.zeros(2), frames(clip, 3 * count)[::3]
    head = (np.nan,) * 3
    for number, frame in enumerate(images):
        found += (bool(whole.feed(number, frame).size),
                  bool(cropped.feed(number, frame, {0: head}).size))
        bodies = wire.poses(pose.feed(number, frame))
        head = head_of(bodies[0], *frame.shape[:2]) if bodies else (np.nan,) * 3
    for one in (pose, whole, cropped):
        one.worker.close()
    return tuple(found / len(images))


def _two_people(count: int) -> None:
    """Print how often two people and their faces are found, and whether ids stay."""
    dancer, close = frames("dancer.avi", 2 * count), frames("WolfgangLanger_Pexels.mp4", count)

    def beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.hstack([cv2.resize(one, (480 * one.shape[1] // one.shape[0], 480))
                          for one in (left, right)])

    number = min(count, len(close), len(dancer) - 40)
    pairs = {
        "two dancers side by side": [
            beside(dancer[n], dancer[n + 40][:, ::-1]) for n in range(number)],
        "a dancer and a close-up": [beside(dancer[n], close[n]) for n in range(number)],
        "two dancers who cross twice": list(crossing(max(count, 150))),
    }
    bare = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(asset(MODELS["pose"]))),
        running_mode=vision.RunningMode.VIDEO, num_poses=2)
    for name, images in pairs.items():
        with vision.PoseLandmarker.create_from_options(bare) as landmarker:
            theirs = np.mean([len(landmarker.detect_for_video(mediapipe.Image(
                image_format=mediapipe.ImageFormat.SRGB,
                data=cv2.cvtColor(image, cv2.COLOR_BGR2RGB)), 33 * n).pose_landmarks) == 2
                for n, image in enumerate(images)])
        pose, face, whole = _Fed("pose", people=2), _Fed("face", people=2), _Fed("face", people=2)
        people, ids, both, faces = People(BodyTracker, 2), set(), 0, np.zeros(2)
        for n, image in enumerate(images):
            image = np.ascontiguousarray(image)
            size = image.shape[1::-1]
            seen = people(n / 30, wire.poses(pose.feed(n, image)), size[0] / size[1])
            ids |= {one.body.observation.id for one in seen}
            both += len(seen) == 2
            heads = {one.number: head_of(one.pose, *image.shape[:2]) for one in seen}
            noses = {one.body.observation.id: one.pose.image[0, :2] for one in seen}
            faces += [len(match_faces(wire.faces(fed.feed(n, image, where)), noses, size))
                      for fed, where in ((face, heads), (whole, {}))]
        for fed in (pose, face, whole):
            fed.worker.close()
        faces /= len(images)
        print(f"{name}: both found in {both / len(images):.0%} of {len(images)} images "
              f"(num_poses=2: {theirs:.0%}), {len(ids)} ids; faces per image {faces[0]:.2f} "
              f"(num_faces=2: {faces[1]:.2f}); pose {1e3 * np.median(pose.spent):.0f} ms, "
              f"face {1e3 * np.median(face.spent):.0f} ms an image")


def _vanishing(images: list[np.ndarray]) -> None:
    """Print how long a covered forearm, and a person who has gone, count as seen."""
    wrist = POSE_INDEX["right_wrist"]
    for name, hide in (("right arm covered", False), ("person gone", True)):
        fed, tracker, known = _Fed("pose"), BodyTracker(), []
        for n in range(90):
            image = images[n % 30].copy()
            height, width = image.shape[:2]
            if 30 <= n < 60:
                if hide:
                    image[:] = cv2.resize(image[:, :40], (width, height))
                else:
                    image[int(0.35 * height):int(0.66 * height), :int(0.46 * width)] = 90
            body = tracker(n / 30, wire.poses(fed.feed(n, image)))
            known.append(body is not None and body.observation.visibility[wrist] > 0)
        fed.worker.close()
        print(f"{name}: unknown after {known[30:60].index(False) / 30:.2f} s, "
              f"back after {known[60:].index(True) / 30:.2f} s")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    count = parser.parse_args().frames
    print("images      in turn (pose + face)      at once (pose | face)     gain   node's process")
    for size in SIZES:
        images = frames("WolfgangLanger_Pexels.mp4", count, size)
        turn, alone = _in_turn(images)
        each, spent, own = _at_once(images)
        alone, spent = 1e3 * alone, 1e3 * spent
        print(f"{size[0]:4d}x{size[1]:<4d} {1e3 * turn:6.1f} ms ({alone[0]:.1f} + {alone[1]:.1f})"
              f"     {1e3 * each:6.1f} ms ({spent[0]:.1f} | {spent[1]:.1f})"
              f"   {turn / each:5.2f}x   {1e3 * own:.1f} ms an image")
    _two_people(count)
    _vanishing(frames("dancer.avi", 30))
    print("images with a body: " + ", ".join(
        f"{clip} {_pose_share(clip, count):.0%}" for clip in CLIPS))
    for clip in CLIPS:
        without, with_head = _face_share(clip, count)
        print(f"face found in {clip}: {without:.0%}, with the head's place {with_head:.0%}")


if __name__ == "__main__":
    main()
