# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""People told by REP-155, and REP-155 of others turned into our own topics."""

from __future__ import annotations

import time

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import Quaternion, Transform, TransformStamped
from hri_stub import HRI, TF2, Recorder
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import Bool, String

from mirror_robot.human.face import action_units
from mirror_robot.human.facs import coefficients_from_units
from mirror_robot.human.gaze import gaze_direction
from mirror_robot.human.landmarks import BLENDSHAPES, POSE_INDEX
from mirror_robot.human.observation import BodyObservation, FaceObservation
from mirror_robot.human.posture import posture_from_landmarks
from mirror_robot.human.skeleton import (
    DEFAULT_LENGTHS,
    JOINTS,
    Skeleton,
    SkeletonSolver,
    directions_from_landmarks,
    landmarks_from_skeleton,
    limb_directions,
)
from mirror_robot.nodes.humans import Humans, turn_about_up
from mirror_robot.nodes.messages import cloud_to_body, named_values, to_rotation
from mirror_robot.nodes.rep155_node import Rep155Node
from mirror_robot.perception.location import Pinhole, locate_body, locate_face
from mirror_robot.perception.people import SeenPerson
from mirror_robot.perception.tracking import TrackedBody, upright_from_viewer
from mirror_robot.perception.wire import FaceLandmarks, PoseLandmarks

UPRIGHT = np.eye(3)
IMAGE = np.full((480, 640, 3), 90, np.uint8)
ANGLES = {name: 0.0 for name in JOINTS} | {"l_p_shoulder": 1.2, "l_elbow": 0.9, "waist": 0.3}


def _person(
    identity: str = "abc", stamp: float = 1.0, heading: float = 0.0,
    root: np.ndarray = UPRIGHT, **angles,
):
    landmarks = landmarks_from_skeleton(Skeleton({**ANGLES, **angles}, root))
    known = np.isfinite(landmarks).all(axis=1).astype(float)
    pixels = np.column_stack([np.linspace(0.3, 0.6, 33), np.linspace(0.1, 0.9, 33), known])
    pose = PoseLandmarks(np.column_stack([pixels[:, :2], np.zeros(33)]),
                         np.nan_to_num(landmarks), known, np.ones(33))
    body = TrackedBody(BodyObservation(stamp, identity, landmarks, known), heading, pixels,
                       upright_from_viewer(0.0))
    return SeenPerson(body, pose)


def _face(identity: str = "fgh", stamp: float = 1.0, **coefficients: float) -> FaceObservation:
    return FaceObservation(
        stamp, identity, {**dict.fromkeys(BLENDSHAPES, 0.0), **coefficients}, np.eye(3))


def _found() -> FaceLandmarks:
    mesh = np.random.default_rng(0).uniform(0.4, 0.5, (478, 3))
    return FaceLandmarks(mesh, np.zeros(52), np.eye(4))


def _told(hri=HRI, tf2=TF2, position=(0.0, 0.0, 2.0), **face) -> tuple[Recorder, Humans]:
    node = Recorder()
    humans = Humans(node, "camera", hri, tf2)
    place = None if position is None else np.array(position)
    humans.see_body(_person(), np.eye(3), DEFAULT_LENGTHS, place, IMAGE)
    humans.see_face(_face(**face), _found(), "abc", 0.9, place, upright_from_viewer(0.0).T, IMAGE)
    humans.tell(1.0)
    return node, humans


def test_all_topics_of_the_rep_are_told_with_their_contents():
    said = _told(mouthSmileLeft=0.9, mouthSmileRight=0.9, eyeBlinkLeft=0.0)[0].said
    body, face, person = "/humans/bodies/abc/", "/humans/faces/fgh/", "/humans/persons/pabc/"
    joints = named_values(said[body + "joint_states"][0])
    assert joints["l_p_shoulder_abc"] == pytest.approx(1.2, abs=1e-6)
    assert joints["waist_abc"] == pytest.approx(0.3)
    assert 'name="l_knee_abc"' in said[body + "urdf"][0].data
    assert said["/humans/bodies/tracked"][0].ids == ["abc"]
    assert said["/humans/faces/tracked"][0].ids == ["fgh"]
    assert said["/humans/persons/tracked"][0].ids == ["pabc"]
    assert said["/humans/persons/known"][0].ids == ["pabc"]
    skeleton = said[body + "skeleton2d"][0]
    left_eye = skeleton.skeleton[HRI.Skeleton2D.LEFT_EYE]
    assert left_eye.x == pytest.approx(np.linspace(0.3, 0.6, 33)[POSE_INDEX["left_eye"]])
    roi = said[body + "roi"][0]
    assert 0 <= roi.xmin < roi.xmax <= 1 and 0 <= roi.ymin < roi.ymax <= 1
    assert said[body + "cropped"][0].height > 100
    assert said[face + "cropped"][0].height == said[face + "cropped"][0].width == 128
    units = said[face + "facs"][0]
    assert units.intensity[12] > 0.5 and units.confidence[12] >= 0.5
    assert units.intensity[4] < 0.2
    expression = said[face + "expression"][0]
    assert expression.expression == "happy"
    assert 0.4 < expression.valence <= 1.0 and 0.0 < expression.confidence <= 1.0
    assert said[person + "body_id"][0].data == "abc"
    assert said[person + "face_id"][0].data == "fgh"
    matches = {(m.id1, m.id2) for m in said["/humans/candidate_matches"]}
    assert matches == {("abc", "pabc"), ("fgh", "pabc"), ("fgh", "abc")}
    frames = {one.child_frame_id for message in said["/tf"] for one in message.transforms}
    assert frames == {"body_abc", "face_fgh", "gaze_fgh", "person_pabc"}
    assert said["/humans/interactions/gazing"][0].sender == "pabc"


def test_latched_topics_are_latched_and_said_once():
    node, humans = _told()
    for number in range(5):
        humans.see_body(_person(stamp=1.1 + 0.03 * number), None, DEFAULT_LENGTHS, None)
        humans.tell(1.1 + 0.03 * number)
    for name in ("/humans/bodies/tracked", "/humans/persons/pabc/body_id",
                 "/humans/bodies/abc/urdf"):
        assert node.qos[name].durability == DurabilityPolicy.TRANSIENT_LOCAL
        assert len(node.said[name]) == 1


def test_without_calibration_there_is_posture_and_no_frame():
    said = _told(position=None)[0].said
    assert said["/humans/bodies/abc/joint_states"]
    assert not said["/tf"]


def test_without_hri_msgs_joint_states_and_description_are_told_all_the_same():
    said = _told(hri=None, tf2=None)[0].said
    assert set(said) == {"/humans/bodies/abc/joint_states", "/humans/bodies/abc/urdf"}


def test_who_has_left_is_tracked_no_more_and_leaves_no_publisher():
    node, humans = _told()
    humans.tell(1.9)
    assert node.said["/humans/bodies/tracked"][-1].ids == []
    assert node.said["/humans/persons/tracked"][-1].ids == []
    assert node.said["/humans/persons/known"][-1].ids == ["pabc"]
    assert not [name for name in node.open if "abc" in name or "fgh" in name]


def test_who_looks_at_the_camera_becomes_engaged_and_who_looks_away_disengages():
    node, humans = _told()
    levels, kinds = [], HRI.EngagementLevel
    for number in range(120):
        away = 0.0 if number < 60 else 1.0
        humans.see_face(_face(stamp=1 + number / 30, eyeLookOutLeft=away, eyeLookInRight=away),
                        _found(), "", 0.0, None, None)
        humans.tell(1 + number / 30)
        levels.append(node.said["/humans/persons/pfgh/engagement_status"][-1].level)
    assert list(dict.fromkeys(levels)) == [
        kinds.ENGAGING, kinds.ENGAGED, kinds.DISENGAGING, kinds.DISENGAGED]


def test_the_frame_of_a_body_that_faces_the_camera_points_at_it():
    said = _told()[0].said
    body = said["/tf"][0].transforms[0].transform
    axes = to_rotation(body.rotation)
    np.testing.assert_allclose(axes[:, 0], (0, 0, -1), atol=1e-6)  # forward: to the camera
    np.testing.assert_allclose(axes[:, 2], (0, -1, 0), atol=1e-6)  # up is against image y
    gaze = to_rotation(said["/tf"][2].transforms[0].transform.rotation)
    np.testing.assert_allclose(gaze[:, 2], (0, 0, -1), atol=1e-6)  # optical: z along the gaze


def test_the_frame_of_a_person_is_the_face_or_else_the_head_of_the_body():
    def frames(said) -> dict:
        return {one.child_frame_id: one.transform for message in said["/tf"]
                for one in message.transforms}

    both = frames(_told()[0].said)
    assert both["person_pabc"] == both["face_fgh"]
    node = Recorder()
    humans = Humans(node, "camera", HRI, TF2)
    for number in range(3):
        humans.see_body(
            _person(stamp=1.0, waist=0.0), np.eye(3), DEFAULT_LENGTHS, np.array([0.0, 0.0, 2.0]))
        humans.tell(1.0 + 0.1 * number)
    place = frames(node.said)["person_pabc"].translation
    # Above the hips, which in the image is up, and a little nearer to the camera.
    assert place.y == pytest.approx(-(DEFAULT_LENGTHS["torso"] + DEFAULT_LENGTHS["neck"]
                                      + DEFAULT_LENGTHS["head"] / 2), abs=0.01)
    assert 1.8 < place.z < 2.0
    told = [one for message in node.said["/tf"] for one in message.transforms
            if one.child_frame_id == "person_pabc"]
    assert len(told) == 1  # of one image only once


def test_hands_over_the_head_are_a_gesture():
    node = Recorder()
    humans = Humans(node, "camera", HRI, None)
    up = {f"{side}_p_shoulder": 3.0 for side in "lr"}
    for number in range(10):
        humans.see_body(_person(stamp=1.0 + number / 25, **up, l_elbow=0.0), None, None, None)
    assert [one.gesture for one in node.said["/humans/bodies/abc/gesture"]] == [
        HRI.Gesture.BOTH_HANDS_RAISED]


# Gaze and place

def test_eyes_to_the_side_turn_the_gaze_and_shut_eyes_do_not():
    left = gaze_direction(np.eye(3), {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0})
    assert 25 < np.degrees(np.arctan2(left[1], left[0])) < 45
    shut = gaze_direction(np.eye(3), {"eyeLookDownLeft": 1.0, "eyeBlinkLeft": 0.9,
                                      "eyeBlinkRight": 0.9})
    np.testing.assert_allclose(shut, (1, 0, 0))


def test_a_body_is_placed_where_it_stands():
    random = np.random.default_rng(0)
    world, place = random.normal(size=(20, 3)) * 0.4, np.array([0.5, -0.2, 3.0])
    camera = Pinhole.from_fov(0.8, 640, 480)
    seen = world + place
    pixels = seen[:, :2] / seen[:, 2:] * camera.focal + camera.centre
    found = locate_body(world, pixels / (640, 480), np.ones(20), camera, (640, 480))
    np.testing.assert_allclose(found, place, atol=1e-6)
    assert locate_body(world, pixels / (640, 480), np.zeros(20), camera, (640, 480)) is None


def test_a_face_is_as_far_away_as_its_eyes_are_small():
    mesh, camera = np.full((478, 3), 0.5), Pinhole((600.0, 600.0), (320.0, 240.0))
    mesh[33, 0], mesh[263, 0] = 0.5 - 27 / 640, 0.5 + 27 / 640
    assert locate_face(mesh, camera, (640, 480))[2] == pytest.approx(1.0)


# Landmarks of angles, coefficients of units

def test_landmarks_of_a_skeleton_have_its_limb_directions_lengths_and_head():
    c, s = np.cos(0.4), np.sin(0.4)
    head = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    given = SkeletonSolver()(0.0, limb_directions(Skeleton(ANGLES, np.eye(3))), head)
    points = landmarks_from_skeleton(given)
    ways = directions_from_landmarks(points)
    for name, way in limb_directions(given).items():
        if name != "head":
            np.testing.assert_allclose(ways[name], way, atol=1e-9)
    posture = posture_from_landmarks(BodyObservation(0.0, "a", points, np.ones(33)))
    np.testing.assert_allclose(posture.head, head, atol=0.02)


def test_units_survive_the_way_over_coefficients():
    units = action_units(coefficients_from_units({12: 1.0, 26: 0.8}))
    assert units["AU12"] > 0.6 and units["AU26"] > 0.3 and units.get("AU15", 0.0) < 0.1
    assert "browInnerUp" not in coefficients_from_units({12: 1.0})


# The node, over real topics

@pytest.fixture(scope="module", autouse=True)
def _ros():
    rclpy.init()
    yield
    rclpy.shutdown()


def test_joint_states_of_another_perception_drive_the_mirrors_topics():
    node = Rep155Node(hri=None)
    other = rclpy.create_node("other_perception")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    executor.add_node(other)
    heard = []
    other.create_subscription(PointCloud2, "human/body", heard.append, qos_profile_sensor_data)
    publishers = {name: other.create_publisher(
        JointState, f"/humans/bodies/{name}/joint_states", 1) for name in ("abc", "xyz")}
    message = JointState(name=[f"{name}_abc" for name in ANGLES],
                         position=list(ANGLES.values()))
    message.header.stamp.sec = 77
    broken = JointState(name=["waist_xyz"], position=[])
    deadline = time.monotonic() + 20
    try:
        while len(heard) < 3 and time.monotonic() < deadline:
            publishers["abc"].publish(message)
            publishers["xyz"].publish(broken)
            executor.spin_once(timeout_sec=0.05)
        body = cloud_to_body(heard[-1])
        assert body.id == "abc" and body.stamp == 77
        ways = directions_from_landmarks(body.landmarks)
        expected = limb_directions(Skeleton(ANGLES, np.eye(3)))
        np.testing.assert_allclose(
            ways["left_forearm"], expected["left_forearm"], atol=1e-5)
        node.set_parameters([Parameter("attend", value="xyz")])
        count = len(heard)
        other_one = JointState(name=[f"{name}_xyz" for name in ANGLES],
                               position=list(ANGLES.values()))
        while time.monotonic() < deadline and (
                len(heard) == count or cloud_to_body(heard[-1]).id != "xyz"):
            publishers["xyz"].publish(other_one)
            executor.spin_once(timeout_sec=0.05)
        assert cloud_to_body(heard[-1]).id == "xyz"
    finally:
        executor.shutdown()
        node.destroy_node()
        other.destroy_node()


@pytest.mark.parametrize("heading", [0.0, 0.6])
@pytest.mark.parametrize("place", [(0.0, 0.0, 2.0), (1.0, -0.2, 2.0)])
def test_heading_lean_head_and_gaze_survive_the_way_over_frames(heading, place):
    teller, node = Recorder(), Rep155Node(hri=HRI, tf2=None)
    humans = Humans(teller, "camera", HRI, TF2)
    c, s = np.cos(0.3), np.sin(0.3)
    head = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    leaning = np.array([[1, 0, 0], [0, c, s], [0, -s, c]])  # to the left
    person = _person(heading=heading, root=leaning)
    said = {}
    for name, publisher in node._publisher.items():
        publisher.publish = said.setdefault(name, []).append
    bodies = []
    node._body.publish = bodies.append
    try:
        humans.see_body(person, None, DEFAULT_LENGTHS, np.array(place))
        face = FaceObservation(1.0, "fgh", {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}, head)
        humans.see_face(face, _found(), "abc", 0.9, np.array(place), upright_from_viewer(0.0).T)
        for message in teller.said["/tf"]:
            node._on_tf(message)
        joints = teller.said["/humans/bodies/abc/joint_states"][-1]
        node.take_body("abc", joints)
    finally:
        node.destroy_node()
    # What faces where in a trunk that bends to two sides is a matter of taste within 0.1 rad, but
    # the limbs point where they do.
    turned = to_rotation(said["heading"][-1].quaternion)
    assert np.arctan2(turned[1, 0], turned[0, 0]) == pytest.approx(heading, abs=0.1)
    np.testing.assert_allclose(
        to_rotation(said["head"][-1].pose.orientation), head, atol=1e-6)
    gaze = said["gaze"][-1].vector
    np.testing.assert_allclose(
        (gaze.x, gaze.y, gaze.z), gaze_direction(head, face.coefficients), atol=1e-6)
    given = directions_from_landmarks(person.body.observation.landmarks)
    ways = directions_from_landmarks(cloud_to_body(bodies[-1]).landmarks)
    for limb in ("torso", "left_forearm", "right_shin"):
        np.testing.assert_allclose(
            turned @ ways[limb], turn_about_up(heading) @ given[limb], atol=1e-4)
    assert 1.0 < said["distance"][-1].data < np.linalg.norm(place)


def test_a_frame_that_is_no_rotation_is_dropped():
    node = Rep155Node(hri=HRI, tf2=None)
    try:
        node.take_frame("body", "abc", TransformStamped(
            transform=Transform(rotation=Quaternion(w=0.0))))
        assert not node._frames
    finally:
        node.destroy_node()


def test_action_units_of_another_perception_become_face_coefficients():
    node, said = Rep155Node(hri=HRI), []
    node._face.publish = said.append  # the stub's messages cannot go over a real topic
    units = HRI.FacialActionUnits()
    units.intensity[12], units.confidence[12] = 0.8, 0.9
    units.intensity[4], units.confidence[4] = 0.9, 0.1
    try:
        node.take_face("fgh", units)
        node.take_face("other", units)
    finally:
        node.destroy_node()
    assert len(said) == 1 and said[0].header.frame_id == "face_fgh"
    values = named_values(said[0])
    assert values["mouthSmileLeft"] > 0.6 and "browDownLeft" not in values


def test_a_person_who_is_not_anonymous_is_told_by_name_late_or_latched():
    teller, listener = rclpy.create_node("teller"), rclpy.create_node("listener")
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    base, said = "/humans/persons/", []
    told = {}
    for topic, kind, data, qos in (
            ("anna/body_id", String, "abc", latched), ("anna/anonymous", Bool, False, latched),
            ("pxyz/body_id", String, "xyz", 1), ("pxyz/anonymous", Bool, True, 1)):
        told[topic] = teller.create_publisher(kind, base + topic, qos), kind(data=data)
        told[topic][0].publish(told[topic][1])
    node = Rep155Node(hri=HRI, tf2=None)
    listener.create_subscription(String, "human/name", said.append, 10)
    executor = SingleThreadedExecutor()
    for one in (teller, listener, node):
        executor.add_node(one)

    def until(done):
        deadline = time.monotonic() + 10.0
        while not done() and time.monotonic() < deadline:
            for publisher, message in list(told.values())[2:]:  # that are not latched
                publisher.publish(message)
            executor.spin_once(timeout_sec=0.02)
        return done()

    angles = JointState(name=["l_elbow", "l_y_shoulder", "l_p_shoulder", "l_r_shoulder"],
                        position=[0.5, 0.1, 0.1, 0.1])
    try:
        assert until(lambda: len([v for known in node._persons.values() for v in known]) == 4)
        node.take_body("abc", angles)
        assert until(lambda: bool(said)) and said[0].data == "anna"
        node._followed["bodies"] = "", 0.0
        said.clear()
        node.take_body("xyz", angles)
        node.take_body("nobody", angles)
        executor.spin_once(timeout_sec=0.2)
        assert not said, "an anonymous person has no name"
        teller.destroy_publisher(told.pop("anna/body_id")[0])
        assert until(lambda: "body_id" not in node._persons["anna"])
    finally:
        executor.shutdown()
        for one in (teller, listener, node):
            one.destroy_node()
