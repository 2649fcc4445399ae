# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The built-in robot: valid, physical, human-like, and turning the way its names promise."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest

from mirror_robot.body.description import DescriptionError, read_description
from mirror_robot.body.profile import load_profile
from mirror_robot.simulation import build_model

PROFILE = load_profile("kagami")
URDF = read_description(PROFILE.description)
ROBOT = ElementTree.fromstring(URDF)
MOVING = {joint.get("name"): joint for joint in ROBOT.findall("joint")
          if joint.get("type") != "fixed"}

# The URDF specification, as far as a description without meshes, sensors and transmissions goes.
CHILDREN = {
    "robot": {"link", "joint", "material"},
    "link": {"inertial", "visual", "collision"},
    "inertial": {"origin", "mass", "inertia"},
    "visual": {"origin", "geometry", "material"},
    "collision": {"origin", "geometry"},
    "geometry": {"box", "cylinder", "sphere"},
    "material": {"color"},
    "joint": {"parent", "child", "origin", "axis", "limit", "dynamics"},
}


def numbers(text: str) -> np.ndarray:
    return np.array([float(number) for number in text.split()])


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return build_model(URDF)


def posed(model: mujoco.MjModel, **positions: float) -> mujoco.MjData:
    data = mujoco.MjData(model)
    for name, position in positions.items():
        data.qpos[model.joint(name).qposadr[0]] = position
    mujoco.mj_forward(model, data)
    return data


def test_the_plain_description_has_only_tags_of_the_urdf_specification():
    for element in ROBOT.iter():
        unknown = {child.tag for child in element} - CHILDREN.get(element.tag, set())
        assert not unknown, (element.tag, unknown)


def test_every_number_is_finite():
    for element in ROBOT.iter():
        for key, text in element.attrib.items():
            if key not in ("name", "type", "link", "filename"):
                assert np.isfinite(numbers(text)).all(), (element.tag, key, text)


def test_every_moving_joint_has_limits_effort_velocity_and_damping():
    for name, joint in MOVING.items():
        limit = {key: float(value) for key, value in joint.find("limit").attrib.items()}
        assert limit["lower"] <= 0.0 <= limit["upper"], name
        assert limit["upper"] - limit["lower"] > 0.1, name
        assert limit["effort"] > 0 and limit["velocity"] > 0, name
        assert float(joint.find("dynamics").get("damping")) > 0, name
        assert np.linalg.norm(numbers(joint.find("axis").get("xyz"))) == pytest.approx(1), name


def test_every_link_that_moves_has_the_mass_and_inertia_of_a_real_body():
    moved = {joint.find("child").get("link") for joint in MOVING.values()}
    for link in ROBOT.findall("link"):
        inertial = link.find("inertial")
        if inertial is None:
            assert link.get("name") not in moved
            continue
        assert float(inertial.find("mass").get("value")) > 0
        i = {key: float(value) for key, value in inertial.find("inertia").attrib.items()}
        moments = np.linalg.eigvalsh([
            [i["ixx"], i["ixy"], i["ixz"]], [i["ixy"], i["iyy"], i["iyz"]],
            [i["ixz"], i["iyz"], i["izz"]]])
        assert moments[0] > 0, link.get("name")
        assert moments[0] + moments[1] >= moments[2] * (1 - 1e-9), link.get("name")


def test_the_profile_drives_every_joint_through_exactly_one_controller():
    assert set(PROFILE.joints) == set(MOVING)
    driven = [joint for joints in PROFILE.controllers.values() for joint in joints]
    assert sorted(driven) == sorted(MOVING)


def test_it_is_as_tall_and_as_heavy_as_a_small_person(model):
    data = posed(model)
    assert 1.3 < data.geom_xpos[:, 2].max() + 0.1 < 1.6
    assert 30 < model.body_mass.sum() < 60


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_shoulder_axes_meet_in_one_point_and_so_do_those_of_the_wrist(model, side):
    data = posed(model)
    for kind, link in (("shoulder", f"{side}_shoulder_link"), ("wrist", f"{side}_hand_link")):
        axes = [name for name in MOVING if name.startswith(f"{side}_{kind}_")]
        assert len(axes) == 3
        for name in axes:
            anchor = data.xanchor[model.joint(name).id]
            assert anchor == pytest.approx(data.body(link).xpos, abs=1e-6)


@pytest.mark.parametrize("side", ["left", "right"])
def test_at_zero_the_arms_hang_straight_down(model, side):
    data = posed(model)
    points = [data.body(f"{side}_{part}_link").xpos
              for part in ("shoulder", "forearm", "hand", "fingertip")]
    for upper, lower in pairwise(points):
        step = lower - upper
        assert step[2] < -0.1
        assert step[:2] == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize(("joint", "position", "link", "axis", "sense"), [
    ("torso_yaw", 0.3, "left_shoulder_link", 0, -1),
    ("torso_pitch", 0.3, "head_link", 0, +1),
    ("torso_roll", 0.3, "head_link", 1, -1),
    ("left_shoulder_pitch", -1.0, "left_hand_link", 0, +1),
    ("right_shoulder_pitch", -1.0, "right_hand_link", 0, +1),
    ("left_shoulder_roll", 1.0, "left_hand_link", 1, +1),
    ("right_shoulder_roll", -1.0, "right_hand_link", 1, -1),
    ("left_elbow", -1.0, "left_hand_link", 0, +1),
    ("right_elbow", -1.0, "right_hand_link", 0, +1),
])
def test_a_joint_of_the_body_turns_as_its_name_says(model, joint, position, link, axis, sense):
    moved = posed(model, **{joint: position}).body(link).xpos - posed(model).body(link).xpos
    assert sense * moved[axis] > 0.05


def outermost(model, data, link, side):
    """Return the position of the shape of `link` that is farthest out on `side` (+1 left)."""
    shapes = np.flatnonzero(model.geom_bodyid == model.body(link).id)
    return data.geom_xpos[shapes[np.argmax(side * data.geom_xpos[shapes, 1])]]


@pytest.mark.parametrize(("side", "out"), [("left", 1), ("right", -1)])
def test_the_face_moves_as_its_joints_say(model, side, out):
    calm = posed(model)

    def rise(joint, link, end):
        raised = posed(model, **{joint: float(MOVING[joint].find("limit").get("upper"))})
        return outermost(model, raised, link, end)[2] - outermost(model, calm, link, end)[2]

    assert rise(f"{side}_mouth_corner", f"{side}_mouth_corner_link", out) > 0.015
    assert rise(f"{side}_brow_raise", f"{side}_brow_link", out) > 0.015
    assert rise(f"{side}_brow_tilt", f"{side}_brow_link", -out) > 0.008
    assert rise(f"{side}_brow_tilt", f"{side}_brow_link", out) < -0.008
    assert rise("upper_lip", "upper_lip_link", out) > 0.01
    assert rise("jaw", "jaw_link", out) < -0.03


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_lid_closes_by_coming_forward_over_the_eyeball(model, side):
    lid = int(model.body(f"{side}_lid_link").geomadr[0])
    closed = float(MOVING[f"{side}_lid"].find("limit").get("upper"))
    forward = posed(model, **{f"{side}_lid": closed}).geom_xpos[lid] - posed(model).geom_xpos[lid]
    assert forward[0] > 0.005


def gazebo_systems(robot, name: str) -> list[ElementTree.Element]:
    """Return the plugins of a description that are such a system of Gazebo."""
    return [plugin for plugin in robot.iter("plugin")
            if plugin.get("name") == f"gz::sim::systems::{name}"]


@pytest.mark.parametrize("control", ["gazebo", "ros2_control", "mock"])
def test_every_way_of_control_names_every_joint_once(control):
    text = read_description(
        PROFILE.description, {"control": control, "controllers_file": "/tmp/controllers.yaml"})
    robot = ElementTree.fromstring(text)
    if control == "gazebo":
        named = [element.text for system in gazebo_systems(robot, "JointTrajectoryController")
                 for element in system.findall("joint_name")]
        told, = gazebo_systems(robot, "JointStatePublisher")
        assert sorted(named) == sorted(element.text for element in told.findall("joint_name"))
    else:
        named = [joint.get("name") for joint in robot.findall("ros2_control/joint")]
    assert sorted(named) == sorted(MOVING)


def test_gazebo_gets_as_many_of_each_gain_as_joints():
    robot = ElementTree.fromstring(read_description(PROFILE.description, {"control": "gazebo"}))
    systems = gazebo_systems(robot, "JointTrajectoryController")
    assert len(systems) == len(PROFILE.controllers)
    for system in systems:
        joints = system.findall("joint_name")
        for gain in ("initial_position", "position_p_gain", "velocity_p_gain",
                     "position_cmd_min", "position_cmd_max", "velocity_cmd_min",
                     "velocity_cmd_max"):
            assert len(system.findall(gain)) == len(joints), gain
        for joint, *most in zip(joints, system.findall("position_cmd_max"),
                                system.findall("velocity_cmd_max")):
            effort = MOVING[joint.text].find("limit").get("effort")
            assert sum(float(share.text) for share in most) == float(effort), joint.text


def test_in_gazebo_no_moving_link_has_weight_and_the_pedestal_is_fixed():
    robot = ElementTree.fromstring(read_description(PROFILE.description, {"control": "gazebo"}))
    weightless = {gazebo.get("reference") for gazebo in robot.findall("gazebo")
                  if gazebo.findtext("gravity") == "false"}
    assert weightless == {joint.find("child").get("link") for joint in MOVING.values()}
    mount = robot.find("joint[@name='world_mount']")
    assert mount.get("type") == "fixed" and mount.find("parent").get("link") == "world"


def test_an_unknown_way_of_control_is_refused_with_the_valid_ones():
    with pytest.raises(DescriptionError, match="none, gazebo, ros2_control, mock"):
        read_description(PROFILE.description, {"control": "telepathy"})


def test_drake_reads_the_description(tmp_path):
    parsing = pytest.importorskip("pydrake.multibody.parsing", reason="drake is not installed")
    from pydrake.multibody.plant import MultibodyPlant

    for control in ("none", "gazebo", "ros2_control", "mock"):
        file = tmp_path / f"{control}.urdf"
        file.write_text(read_description(PROFILE.description, {"control": control}))
        plant = MultibodyPlant(0.0)  # the parser does not keep it alive
        parser = parsing.Parser(plant)
        parser.SetStrictParsing()
        assert len(parser.AddModels(str(file))) == 1
