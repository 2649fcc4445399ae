# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""REP-155 with the real hri_msgs and tf2_msgs, over real topics; skipped where not installed."""

from __future__ import annotations

import time
from collections import defaultdict

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import QuaternionStamped, TransformStamped
from hri_stub import HRI, TF2
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, JointState, PointCloud2
from std_msgs.msg import Bool, Float32, String
from test_rep155 import ANGLES, IMAGE, _face, _found, _person

from mirror_robot.human.skeleton import DEFAULT_LENGTHS
from mirror_robot.nodes.humans import Humans, quaternion, turn_about_up
from mirror_robot.nodes.messages import cloud_to_body, named_values, to_rotation
from mirror_robot.nodes.rep155_node import Rep155Node
from mirror_robot.perception.tracking import upright_from_viewer

hri = pytest.importorskip("hri_msgs.msg")
tf2 = pytest.importorskip("tf2_msgs.msg")

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
RELIABLE = QoSProfile(depth=10)
TOPICS = {
    "/humans/bodies/tracked": (hri.IdsList, LATCHED),
    "/humans/faces/tracked": (hri.IdsList, LATCHED),
    "/humans/persons/tracked": (hri.IdsList, LATCHED),
    "/humans/persons/known": (hri.IdsList, LATCHED),
    "/humans/persons/pabc/anonymous": (Bool, LATCHED),
    "/humans/persons/pabc/body_id": (String, LATCHED),
    "/humans/persons/pabc/face_id": (String, LATCHED),
    "/humans/persons/pabc/engagement_status": (hri.EngagementLevel, RELIABLE),
    "/humans/persons/pabc/location_confidence": (Float32, RELIABLE),
    "/humans/bodies/abc/urdf": (String, LATCHED),
    "/humans/bodies/abc/joint_states": (JointState, RELIABLE),
    "/humans/bodies/abc/roi": (hri.NormalizedRegionOfInterest2D, RELIABLE),
    "/humans/bodies/abc/cropped": (Image, RELIABLE),
    "/humans/bodies/abc/skeleton2d": (hri.Skeleton2D, RELIABLE),
    "/humans/bodies/abc/gesture": (hri.Gesture, RELIABLE),
    "/humans/faces/fgh/roi": (hri.NormalizedRegionOfInterest2D, RELIABLE),
    "/humans/faces/fgh/cropped": (Image, RELIABLE),
    "/humans/faces/fgh/landmarks": (hri.FacialLandmarks, RELIABLE),
    "/humans/faces/fgh/facs": (hri.FacialActionUnits, RELIABLE),
    "/humans/faces/fgh/expression": (hri.Expression, RELIABLE),
    "/humans/candidate_matches": (hri.IdsMatch, RELIABLE),
    "/humans/interactions/gazing": (hri.Gaze, RELIABLE),
    "/tf": (tf2.TFMessage, QoSProfile(depth=100)),
}


def _fields(kind) -> dict[str, str]:
    """Return what a field of the stub holds, in the words of rosidl."""
    words = {float: "float", int: "int", str: "string", list: "sequence"}
    return {name: words.get(type(value), type(value).__name__)
            for name, value in vars(kind()).items()}


def _real_fields(kind) -> dict[str, str]:
    out = {}
    for name, said in kind.get_fields_and_field_types().items():
        value = getattr(kind(), name)
        out[name] = ("string" if said == "string" else "float" if isinstance(value, float)
                     else "int" if isinstance(value, int) else "sequence"
                     if "[" in said or "sequence" in said else said.rpartition("/")[2])
    return out


@pytest.mark.parametrize("name", [*vars(HRI), *vars(TF2)])
def test_the_stand_in_of_a_message_has_the_fields_lengths_and_constants_of_the_real_one(name):
    stub, real = next((getattr(stub, name), getattr(real, name))
                      for stub, real in ((HRI, hri), (TF2, tf2)) if hasattr(stub, name))
    assert _fields(stub) == _real_fields(real)
    for field, kind in _fields(stub).items():
        if kind == "sequence":
            assert len(getattr(stub(), field)) == len(getattr(real(), field))
    constants = {one: value for one, value in vars(stub).items() if one.isupper()}
    assert constants == {one: getattr(real, one) for one in constants}


@pytest.fixture(scope="module")
def node():
    rclpy.init()
    node = rclpy.create_node("anybody")
    yield node
    node.destroy_node()
    rclpy.shutdown()


def _until(executor, condition, timeout: float = 20.0) -> bool:
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.02)
    return bool(condition())


def test_every_topic_arrives_with_the_real_messages_and_the_latched_ones_late(node):
    teller = rclpy.create_node("teller")
    humans = Humans(teller, "camera", hri, tf2)
    executor, heard = SingleThreadedExecutor(), defaultdict(list)
    executor.add_node(node)
    place = np.array([0.0, 0.0, 2.0])
    late = [name for name, (_, qos) in TOPICS.items() if qos is LATCHED]
    subscriptions = [node.create_subscription(kind, name, heard[name].append, qos)
                     for name, (kind, qos) in TOPICS.items() if name not in late]
    up = {f"{side}_p_shoulder": 3.0 for side in "lr"}
    stamp = [1.0]

    def tell() -> bool:
        # Arms go up and down, since a gesture is told when it begins.
        raised = up if int(stamp[0]) % 2 else {}
        humans.see_body(_person(stamp=stamp[0], l_elbow=0.0, **raised), np.eye(3),
                        DEFAULT_LENGTHS, place, IMAGE)
        humans.see_face(_face(stamp=stamp[0], mouthSmileLeft=0.9, mouthSmileRight=0.9), _found(),
                        "abc", 0.9, place, upright_from_viewer(0.0).T, IMAGE)
        humans.tell(stamp[0])
        stamp[0] += 0.03
        for _ in range(40):  # one callback a spin, and nothing shall overflow
            executor.spin_once(timeout_sec=0.0)
        return all(heard[name] for name in TOPICS if name not in late) and len(heard["/tf"]) > 9

    try:
        assert _until(executor, tell), [name for name in TOPICS
                                        if name not in late and not heard[name]]
        subscriptions += [node.create_subscription(
            TOPICS[name][0], name, heard[name].append, LATCHED) for name in late]
        assert _until(executor, lambda: all(heard[name] for name in late))
        assert heard["/humans/persons/tracked"][-1].ids == ["pabc"]
        assert heard["/humans/persons/pabc/face_id"][-1].data == "fgh"
        assert heard["/humans/faces/fgh/facs"][-1].intensity[12] > 0.3
        assert heard["/humans/faces/fgh/expression"][-1].expression
        left_eye = heard["/humans/bodies/abc/skeleton2d"][-1].skeleton[hri.Skeleton2D.LEFT_EYE]
        assert 0.3 < left_eye.x < 0.4
        frames = {one.child_frame_id for message in heard["/tf"] for one in message.transforms}
        assert frames == {"body_abc", "face_fgh", "gaze_fgh", "person_pabc"}
        for name, (_, qos) in TOPICS.items():
            told = node.get_publishers_info_by_topic(name)[0].qos_profile
            assert told.reliability == ReliabilityPolicy.RELIABLE
            assert (told.durability == DurabilityPolicy.TRANSIENT_LOCAL) == (qos is LATCHED), name
    finally:
        for subscription in subscriptions:
            node.destroy_subscription(subscription)
        humans.close()
        executor.shutdown()
        teller.destroy_node()


def test_another_perception_with_the_real_messages_drives_the_mirrors_topics(node):
    mirror = Rep155Node()
    executor, heard = SingleThreadedExecutor(), defaultdict(list)
    executor.add_node(mirror)
    executor.add_node(node)
    loose = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    subscriptions = [node.create_subscription(kind, name, heard[name].append, loose)
                     for name, kind in (("human/body", PointCloud2), ("human/face", JointState),
                                        ("human/heading", QuaternionStamped))]
    joints = node.create_publisher(JointState, "/humans/bodies/xyz/joint_states", 1)
    facs = node.create_publisher(hri.FacialActionUnits, "/humans/faces/uvw/facs", 1)
    frames = node.create_publisher(tf2.TFMessage, "/tf", 10)
    body = TransformStamped(child_frame_id="body_xyz")
    body.transform.translation.z = 2.0
    # Turned to the left by 0.4 rad from facing the camera.
    body.transform.rotation = quaternion(upright_from_viewer(0.0).T @ turn_about_up(0.4))
    units = hri.FacialActionUnits()
    units.intensity[12], units.confidence[12] = 0.8, 0.9
    try:
        def told() -> bool:
            joints.publish(JointState(name=[f"{name}_xyz" for name in ANGLES],
                                      position=list(ANGLES.values())))
            facs.publish(units)
            frames.publish(tf2.TFMessage(transforms=[body]))
            return all(heard[name] for name in ("human/body", "human/face", "human/heading"))

        assert _until(executor, told)
        assert cloud_to_body(heard["human/body"][-1]).id == "xyz"
        assert named_values(heard["human/face"][-1])["mouthSmileLeft"] > 0.6
        axes = to_rotation(heard["human/heading"][-1].quaternion)
        assert np.arctan2(axes[1, 0], axes[0, 0]) == pytest.approx(0.4, abs=1e-6)
    finally:
        for subscription in subscriptions:
            node.destroy_subscription(subscription)
        executor.shutdown()
        mirror.destroy_node()
