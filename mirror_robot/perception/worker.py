# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A process that finds the landmarks of one kind; started by `mirror_robot.perception.workers`.

MediaPipe serialises all calls of a process on one thread, so each landmarker has a process of its
own. It imports no ROS, has no queue, talks to nobody, and ends when the node's process does.
"""

from __future__ import annotations

import argparse
import mmap
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from mirror_robot.parent import die_with

# MediaPipe reports to a telemetry host now and then and when a landmarker is closed, and has no
# switch for it. A proxy that does not exist keeps it from asking even the name server; it must be
# set before the library is loaded.
_NOWHERE = "http://127.0.0.1:9"
for _name in ("http_proxy", "https_proxy", "all_proxy"):
    os.environ[_name] = os.environ[_name.upper()] = _NOWHERE
for _name in ("no_proxy", "NO_PROXY"):
    os.environ.pop(_name, None)


def main() -> None:
    """Answer requests until the other end of the socket is closed."""
    arguments = _arguments()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the node decides when it is over
    # The closed socket ends the worker as well, but not while it hangs inside the library.
    die_with(arguments.parent)
    connection = socket.socket(fileno=arguments.socket)
    try:
        os.nice(arguments.nice)
        answer = _landmarker(arguments)
    except Exception as error:
        from mirror_robot.perception import wire

        text = " ".join(str(error).split()) or type(error).__name__
        connection.send(wire.FAILED + text.encode()[:2000])
        os._exit(1)
    try:
        _serve(connection, arguments.memory, answer)
    except OSError:
        pass  # the node has gone
    # Not through the interpreter's end, which would close the landmarker.
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("pose", "face", "hands"))
    parser.add_argument("model")
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--memory", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--confidence", type=float, default=0.5)
    parser.add_argument("--people", type=int, default=1)
    parser.add_argument("--nice", type=int, default=0)
    return parser.parse_args()


def _serve(
    connection: socket.socket, memory: int, answer: Callable[..., Any],
) -> None:
    import cv2
    import numpy as np

    from mirror_robot.perception import wire

    shared, rgb = mmap.mmap(-1, 1), np.empty((0, 0, 3), np.uint8)
    connection.send(wire.READY)
    while packet := connection.recv(wire.PACKET):
        begun, worked = time.perf_counter(), time.process_time()
        request = wire.Request.unpack(packet)
        shape = request.height, request.width, 3
        if len(shared) < request.height * request.width * 3:
            shared = mmap.mmap(memory, 0, prot=mmap.PROT_READ)
        bgr = np.frombuffer(shared, np.uint8, int(np.prod(shape))).reshape(shape)
        if rgb.shape != shape:
            rgb = np.empty(shape, np.uint8)
        cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=rgb)
        values = answer(rgb, request)
        connection.send(wire.pack_result(
            request.number, time.perf_counter() - begun, time.process_time() - worked, values))


class _VideoClock:
    """Timestamps as the video mode wants them, ever growing, whatever the stamps do."""

    def __init__(self) -> None:
        self._stamp, self._milliseconds = float("nan"), 0

    def __call__(self, stamp: float) -> int:
        step = stamp - self._stamp
        # After a jump of time (bag that loops, camera that was away) go on as if nothing was:
        # MediaPipe smooths by these times, and 33 ms is what one frame takes.
        milliseconds = round(1000 * step) if 0 <= step < 1 else 33
        self._stamp = stamp
        self._milliseconds += max(milliseconds, 1)
        return self._milliseconds


def _landmarker(arguments: argparse.Namespace) -> Callable[..., object]:
    import cv2
    import mediapipe
    import numpy as np
    from mediapipe.tasks.python import BaseOptions, vision

    from mirror_robot.perception import wire
    from mirror_robot.perception.head_crop import HeadCrop, HeadCrops, uncrop
    from mirror_robot.perception.pose_finder import PoseFinder, PromptVisibility

    cv2.setNumThreads(1)  # the cores belong to the other worker, the mirror and the robot
    base = BaseOptions(model_asset_path=arguments.model)
    video = vision.RunningMode.VIDEO
    clock = _VideoClock()
    stamp = 0.0

    def image_of(rgb: np.ndarray) -> mediapipe.Image:
        return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)

    if arguments.kind == "pose":
        def landmarker_of(mode: vision.RunningMode) -> vision.PoseLandmarker:
            return vision.PoseLandmarker.create_from_options(vision.PoseLandmarkerOptions(
                base_options=base, running_mode=mode,
                min_pose_detection_confidence=arguments.confidence,
                min_pose_presence_confidence=arguments.confidence,
                min_tracking_confidence=arguments.confidence))

        def rows_of(result: vision.PoseLandmarkerResult) -> list[np.ndarray]:
            return [
                np.array([(i.x, i.y, i.z, i.visibility, i.presence, w.x, w.y, w.z)
                          for i, w in zip(image, world)], np.float32)
                for image, world in zip(result.pose_landmarks, result.pose_world_landmarks)]

        def follower() -> Callable[[np.ndarray, float], list[np.ndarray]]:
            landmarker, time_of = landmarker_of(video), _VideoClock()
            prompt = PromptVisibility()
            return lambda rgb, stamp: prompt(rows_of(
                landmarker.detect_for_video(image_of(rgb), time_of(stamp))))

        search = None
        if arguments.people > 1:
            still = landmarker_of(vision.RunningMode.IMAGE)
            search = lambda rgb: rows_of(still.detect(image_of(rgb)))  # noqa: E731
        find = PoseFinder(follower, search, arguments.people)

        def find_pose(rgb: np.ndarray, request: wire.Request) -> np.ndarray:
            return np.array(find(rgb, request.stamp), np.float32).ravel()

        return find_pose

    if arguments.kind == "hands":
        landmarker = vision.HandLandmarker.create_from_options(vision.HandLandmarkerOptions(
            base_options=base, running_mode=video, num_hands=2 * arguments.people,
            min_hand_detection_confidence=arguments.confidence,
            min_hand_presence_confidence=arguments.confidence,
            min_tracking_confidence=arguments.confidence))

        def find_hands(rgb: np.ndarray, request: wire.Request) -> np.ndarray:
            result = landmarker.detect_for_video(image_of(rgb), clock(request.stamp))
            # MediaPipe names hands as in a mirror.
            rows = [[side[0].score if side[0].category_name == "Left" else 1 - side[0].score,
                     *(value for points in (image, world) for one in points
                       for value in (one.x, one.y, one.z))]
                    for side, image, world in zip(
                        result.handedness, result.hand_landmarks, result.hand_world_landmarks)]
            return np.array(rows, np.float32).ravel()

        return find_hands

    def face_detector(faces: int) -> Callable[[np.ndarray], list]:
        landmarker = vision.FaceLandmarker.create_from_options(vision.FaceLandmarkerOptions(
            base_options=base, running_mode=video, num_faces=faces,
            output_face_blendshapes=True, output_facial_transformation_matrixes=True,
            min_face_detection_confidence=arguments.confidence,
            min_face_presence_confidence=arguments.confidence,
            min_tracking_confidence=arguments.confidence))
        time_of = _VideoClock()

        def detect(rgb: np.ndarray) -> list[tuple[np.ndarray, list[float], np.ndarray]]:
            result = landmarker.detect_for_video(image_of(rgb), time_of(stamp))
            return [(np.array([(point.x, point.y, point.z) for point in landmarks]),
                     [shape.score for shape in shapes], matrix)
                    for landmarks, shapes, matrix in zip(
                        result.face_landmarks, result.face_blendshapes,
                        result.facial_transformation_matrixes)]

        return detect

    if arguments.people > 1:
        several = HeadCrops(lambda: face_detector(1), face_detector(arguments.people),
                            lambda found: tuple(found[0][:, :2].mean(axis=0)))
    else:
        several, one = None, HeadCrop(face_detector(1))

    def find_face(rgb: np.ndarray, request: wire.Request) -> np.ndarray:
        nonlocal stamp
        stamp = request.stamp
        if several is not None:
            found = several(rgb, request.heads)
        else:
            head = next(iter(request.heads.values()), (np.nan,) * 3)
            faces, region = one(rgb, head)
            found = [(face, region) for face in faces]
        rows = []
        for (points, shapes, matrix), region in found:
            if region is not None:
                points = uncrop(points, region, request.height, request.width)
            rows.append(np.concatenate([points.ravel(), shapes, np.ravel(matrix)]))
        return np.array(rows, np.float32).ravel()

    return find_face


if __name__ == "__main__":
    main()
