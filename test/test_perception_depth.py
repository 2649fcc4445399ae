# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Where people are by a depth image aligned to the colour image."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.human.observation import BodyObservation
from mirror_robot.human.skeleton import Skeleton, landmarks_from_skeleton
from mirror_robot.nodes.depth_topic import DepthTopic
from mirror_robot.nodes.messages import to_time
from mirror_robot.nodes.perception_node import PerceptionNode
from mirror_robot.perception.location import Pinhole, decode_depth, locate_in_depth
from mirror_robot.perception.people import SeenPerson
from mirror_robot.perception.sources import Frame
from mirror_robot.perception.tracking import TrackedBody, upright_from_viewer
from mirror_robot.perception.wire import PoseLandmarks

SIZE = (640, 480)
CAMERA = Pinhole((600.0, 600.0), (320.0, 240.0))
PLACE = np.array([0.3, 0.2, 2.5])


def _person() -> tuple[np.ndarray, np.ndarray]:
    """Return (world, image) of somebody who stands at `PLACE` and faces the camera."""
    angles = {name: 0.0 for side in "lr" for name in (
        f"{side}_y_shoulder", f"{side}_p_shoulder", f"{side}_r_shoulder", f"{side}_elbow")}
    world = landmarks_from_skeleton(Skeleton(angles, np.eye(3))) @ upright_from_viewer(0.0)
    at = world + PLACE
    return world, (at[:, :2] / at[:, 2:] * CAMERA.focal + CAMERA.centre) / SIZE


def _depth(trunk: float, elsewhere: float = 5.0, size=SIZE) -> np.ndarray:
    """Return a picture in which nothing but the trunk is `trunk` metres away."""
    depth = np.full(size[::-1], elsewhere, np.float32)
    _, image = _person()
    rows = [POSE_INDEX[f"{side}_{point}"] for side, point in (
        ("left", "shoulder"), ("right", "shoulder"), ("right", "hip"), ("left", "hip"))]
    cv2.fillConvexPoly(depth, np.round(image[rows] * size).astype(np.int32), trunk)
    return depth


def _known(**unknown: bool) -> np.ndarray:
    known = np.isfinite(_person()[0]).all(axis=1)
    for name in unknown:
        known[POSE_INDEX[name]] = False
    return known


@pytest.mark.parametrize("size", [SIZE, (320, 240)])
def test_a_person_is_where_the_depth_image_says(size):
    world, image = _person()
    found = locate_in_depth(_depth(PLACE[2] - 0.11, size=size), world, image, _known(), CAMERA,
                            SIZE)
    np.testing.assert_allclose(found, PLACE, atol=0.03)


def test_holes_and_an_arm_before_the_trunk_change_little():
    world, image = _person()
    depth = _depth(PLACE[2] - 0.11)
    depth[np.random.default_rng(0).random(depth.shape) < 0.4] = np.nan
    rows = (image[[POSE_INDEX["left_shoulder"], POSE_INDEX["left_hip"]], 1] * 480).astype(int)
    depth[rows[0] + 20:rows[0] + 40] = 1.9  # across the chest
    found = locate_in_depth(depth, world, image, _known(), CAMERA, SIZE)
    np.testing.assert_allclose(found, PLACE, atol=0.05)


def test_with_the_hips_out_of_sight_the_chest_tells():
    world, image = _person()
    found = locate_in_depth(_depth(PLACE[2] - 0.11), world, image,
                            _known(left_hip=True, right_hip=True), CAMERA, SIZE)
    np.testing.assert_allclose(found, PLACE, atol=0.03)


@pytest.mark.parametrize("case", ["holes", "half hidden", "no shoulder"])
def test_a_depth_image_that_does_not_tell_is_not_believed(case):
    world, image = _person()
    depth, known = _depth(PLACE[2]), _known()
    if case == "holes":
        depth[:] = np.nan
    elif case == "half hidden":
        depth[:, :int(640 * image[[POSE_INDEX["left_hip"], POSE_INDEX["right_hip"]], 0].mean())
              ] = 1.0
    else:
        known = _known(left_shoulder=True)
    assert locate_in_depth(depth, world, image, known, CAMERA, SIZE) is None


def test_depth_images_are_read_in_millimetres_and_metres_with_padding_and_either_endianness():
    metres = np.array([[1.5, np.nan, 0.0], [2.0, 3.25, np.inf]], np.float32)
    known = np.array([[1.5, np.nan, np.nan], [2.0, 3.25, np.nan]])
    for order in "<>":
        padded = np.zeros((2, 4), order + "f4")
        padded[:, :3] = metres
        np.testing.assert_array_equal(
            decode_depth(padded.tobytes(), "32FC1", 2, 3, 16, order == ">"), known)
        millimetres = np.nan_to_num(1000 * metres, posinf=0).astype(order + "u2")
        np.testing.assert_allclose(
            decode_depth(millimetres.tobytes(), "16UC1", 2, 3, 6, order == ">"), known)
    with pytest.raises(ValueError, match="16UC1, mono16, 32FC1"):
        decode_depth(b"", "rgb8", 2, 3, 9)
    with pytest.raises(ValueError, match="no 16UC1 image of 3x2"):
        decode_depth(b"123", "16UC1", 2, 3, 6)


@pytest.fixture
def node():
    rclpy.init()
    made = PerceptionNode(parameter_overrides=[
        Parameter("depth_topic", value="depth"), Parameter("autostart", value=False)])
    yield made
    made.close()
    made.destroy_node()
    rclpy.shutdown()


def test_the_node_takes_places_from_the_depth_topic_and_falls_back_without_a_fresh_image(node):
    camera = rclpy.create_node("camera")
    executor = SingleThreadedExecutor()
    executor.add_node(camera)
    executor.add_node(node)
    publisher = camera.create_publisher(Image, "depth", 1)
    node._depth = DepthTopic(node, "depth")
    world, image = _person()
    known = _known().astype(float)
    pose = PoseLandmarks(np.column_stack([image, np.zeros(33)]), world, known, np.ones(33))
    body = TrackedBody(BodyObservation(7.0, "abc", world, known), 0.0,
                       np.column_stack([image, known]), upright_from_viewer(0.0))
    picture = np.zeros((480, 640, 3), np.uint8)
    guess = np.array([0.3, 0.2, 4.0])

    def place(stamp: float) -> np.ndarray:
        return node._measured([SeenPerson(body, pose)], [guess], CAMERA,
                              Frame(stamp, picture, 0))[0]

    depth = _depth(PLACE[2] - 0.11)
    message = Image(height=480, width=640, encoding="32FC1", step=4 * 640, data=depth.tobytes())
    message.header.stamp = to_time(7.0)
    broken = Image(height=480, width=640, encoding="rgb8", step=4 * 640, data=depth.tobytes())
    try:
        assert place(7.0) is guess
        deadline = time.monotonic() + 20
        while (node._depth.at(7.0) is None or not node._depth.bad) and (
                time.monotonic() < deadline):
            publisher.publish(message)
            publisher.publish(broken)
            for _ in range(5):
                executor.spin_once(timeout_sec=0.02)
        np.testing.assert_allclose(place(7.05), PLACE, atol=0.03)
        assert place(7.5) is guess  # half a second old
        assert node._depth.bad
        assert node._report()[2]["places by depth"] == "9 %"
    finally:
        executor.shutdown()
        camera.destroy_node()
