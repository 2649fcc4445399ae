# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The library without ROS: images -> landmarks -> the robot's joints -> what fires.

Run ``python examples/what_fires.py party.mp4``, or give a camera's number, or sample:dancer.avi.
"""

import queue
import sys
import time

from mirror_robot.body.model import load_model
from mirror_robot.mirror.system import MirrorSystem
from mirror_robot.motor.repertoire import load_repertoire
from mirror_robot.perception import wire
from mirror_robot.perception.assets import asset
from mirror_robot.perception.sources import make_source
from mirror_robot.perception.tracking import BodyTracker
from mirror_robot.perception.workers import LandmarkWorker


def main(source: str) -> None:
    """Print what the person does, and the robot's posture for it, until the source ends."""
    model = load_model("kagami")  # or the path of your robot's profile
    mirror, tracker, told = MirrorSystem(load_repertoire(model)), BodyTracker(), ""
    found: queue.Queue = queue.Queue()
    worker = LandmarkWorker("pose", asset("pose_landmarker_full.task"),
                            lambda frame, values, seconds: found.put(wire.poses(values)))
    worker.wait_ready()
    images = make_source(source, time.monotonic)
    images.open()
    while (frame := images.read()) is not None:
        worker.offer(frame)
        body = tracker(frame.stamp, found.get())  # of one person, metres, x to the front
        if body is None:
            continue
        joints = mirror.see_body(body.observation).positions  # radians; NaN: not seen
        doing = mirror.understand(frame.stamp).understanding
        if doing.action and doing.action != told:
            print(f"{doing.action}: the robot would take", ", ".join(
                f"{name} {value:+.2f}" for name, value in zip(model.joint_names, joints)
                if abs(value) > 0.5), flush=True)
        told = doing.action
    images.close()
    worker.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "0")
