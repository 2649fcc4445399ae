# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Learns a movement that is shown and named: it becomes a unit of the repertoire.

It is shown on human/body (a running `mirror_robot run`, or a bag that is played), in a bag, in a
video or in a BVH file; what it will be confused with is said.
"""

from __future__ import annotations

import argparse
import queue
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mirror_robot.body.model import load_model
from mirror_robot.human.posture import HumanPosture, posture_from_landmarks
from mirror_robot.mirror.lesson import OVER, Lesson, LessonError, keep, learn
from mirror_robot.mirror.memory import importance
from mirror_robot.motor.repertoire import load_repertoire
from mirror_robot.motor.shown import cut, shown_path
from mirror_robot.progress import Progress

_COUNTDOWN = 3  # [s]
_SLOWEST = 60.0  # for one image of a video [s]


EXAMPLES = """\
examples:
  mirror_robot teach victory                       beside a running `mirror_robot run`
  mirror_robot teach victory --repetitions 5 --meaning "celebrates a victory"
  mirror_robot teach dab --source dab.mp4          cut at the rests between repetitions
  mirror_robot teach dab --source dab_bag          human/body as `ros2 bag record` kept it
  mirror_robot teach dab --source dab.bvh --robot my_robot.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mirror_robot teach`."""
    parser.add_argument("name", help="of the movement: lower-case letters, digits and _")
    parser.add_argument("--source", default="", metavar="FILE",
                        help="bag, video or BVH file instead of what is seen live")
    parser.add_argument("--repetitions", type=int, default=3, metavar="N",
                        help="how often it will be shown live (default: 3)")
    parser.add_argument("--meaning", default="", help="what it does, for the narration")
    parser.add_argument("--robot", default="kagami", help="robot profile (default: kagami)")
    parser.add_argument("--file", default="", help="where it is kept (default: the user's own)")


def postures_of(
    source: Path, progress: Callable[[float, float], None] = lambda done, of: None,
) -> list[HumanPosture]:
    """Return the postures in a bag, a video or a BVH file.

    Parameters
    ----------
    source : Path
    progress : callable (done, of)
        Called after each image of a video.

    Raises
    ------
    ValueError
        If the file is none of them, or shows nobody.
    """
    if (source / "metadata.yaml").is_file() or source.suffix in (".mcap", ".db3"):
        from mirror_robot.reporting.bag import read_bag
        bodies = read_bag(source, progress=progress).runs[0].recording.tracks["body"].values
        if not bodies:
            raise ValueError(f"nobody is seen in {source}: it holds no human/body")
        return [posture_from_landmarks(body) for body in bodies]
    if source.suffix.lower() == ".bvh":
        from mirror_robot.human.bvh import postures_from_bvh
        return postures_from_bvh(source)
    import cv2

    from mirror_robot.perception.assets import asset
    from mirror_robot.perception.sources import Frame
    from mirror_robot.perception.tracking import BodyTracker
    from mirror_robot.perception.wire import poses
    from mirror_robot.perception.workers import LandmarkWorker

    video = cv2.VideoCapture(str(source))
    if not video.isOpened():
        raise ValueError(f"cannot read the video {source}")
    period = 1.0 / (video.get(cv2.CAP_PROP_FPS) or 30.0)
    count = video.get(cv2.CAP_PROP_FRAME_COUNT)
    found: queue.Queue[np.ndarray] = queue.Queue()
    # The process that perception uses, too: it lets nothing of an image out.
    worker = LandmarkWorker("pose", asset("pose_landmarker_full.task"),
                            lambda frame, values, seconds: found.put(values))
    tracker, postures, number = BodyTracker(), [], 0
    try:
        worker.wait_ready()
        while video.grab():
            worker.offer(Frame(number * period, video.retrieve()[1], number))
            try:
                values = found.get(timeout=_SLOWEST)
            except queue.Empty:
                raise ValueError(f"nothing was found in image {number} of {source} within "
                                 f"{_SLOWEST:.0f} s") from None
            body = tracker(number * period, poses(values))
            if body is not None:
                postures.append(posture_from_landmarks(body.observation))
            number += 1
            progress(number, count)
    finally:
        worker.close()
        video.release()
    if not postures:
        raise ValueError(f"nobody is seen in {source}")
    return postures


def shown_live(lesson: Lesson) -> None:
    """Hold a lesson with whoever is seen on `human/body`, and print what it says.

    Serves a camera that `mirror_robot run` looks through, and a bag that is played. What is felt
    meanwhile (`mirror/affect`) weighs. Ctrl-C ends the lesson with what was shown so far.
    """
    import rclpy
    from geometry_msgs.msg import Vector3Stamped
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import PointCloud2

    from mirror_robot.nodes.messages import cloud_to_body

    felt = [0.0]

    def feel(message: Vector3Stamped) -> None:
        felt[0] = importance(message.vector.x, message.vector.y, 0.0)

    # Ctrl-C ends the lesson, not the listening.
    rclpy.init(signal_handler_options=rclpy.SignalHandlerOptions.NO)
    node = rclpy.create_node("teach")
    node.create_subscription(
        PointCloud2, "human/body",
        lambda cloud: lesson.see(posture_from_landmarks(cloud_to_body(cloud)), felt[0]),
        qos_profile_sensor_data)
    node.create_subscription(Vector3Stamped, "mirror/affect", feel, 10)
    try:
        while lesson.state != OVER:
            for sentence in lesson.update(time.monotonic()):
                print(sentence, flush=True)
            rclpy.spin_once(node, timeout_sec=0.05)
    except KeyboardInterrupt:
        for sentence in lesson.end():
            print(sentence, flush=True)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def run(options: argparse.Namespace) -> int:
    """Learn a movement, say with what it will be confused, store it; return the exit code."""
    name, source = options.name, options.source
    path = Path(options.file).expanduser() if options.file else shown_path()
    model = load_model(options.robot)
    with Progress(f"binding the repertoire to {options.robot}") as progress:
        # What is damaged is told before anybody moves.
        known = load_repertoire(model, taught=path, progress=progress.show)
    lesson = Lesson(name, repetitions=options.repetitions, countdown=_COUNTDOWN)
    if name in known.names:
        print(f"{name} is known already; what is learnt takes its place")
    if source:
        with Progress(f"looking at {Path(source).name}") as progress:
            shown = cut(postures_of(Path(source).expanduser(), progress.show))
    else:
        shown_live(lesson)
        shown = lesson.shown
    try:
        learnt = learn(name, shown, model, known.units, options.meaning)
    except LessonError as error:
        if not source and not shown:
            print("is `mirror_robot run` running, in the same ROS_DOMAIN_ID?", file=sys.stderr)
        print(f"error: {error}", file=sys.stderr)
        return 1
    for sentence in learnt.sentences():
        print(sentence)
    keep(learnt.movement, path)
    print(f"kept in {path}; a robot that runs takes it up by itself")
    return 0
