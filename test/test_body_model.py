# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A robot's body: profiles and descriptions, and what is said when they are wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pinocchio as pin
import pytest
import yaml

from mirror_robot.body.description import DescriptionError, read_description
from mirror_robot.body.face import face_drive, face_positions
from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.body.profile import ProfileError, load_profile
from mirror_robot.body.views import as_one


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_model("kagami")


@pytest.fixture
def edited(tmp_path: Path):
    """Return a function that writes kagami's profile with a change and gives its path."""
    original = yaml.safe_load(load_profile("kagami").path.read_text())
    original["description"] = {"file": str(load_profile("kagami").description)}

    def write(change) -> Path:
        change(original)
        path = tmp_path / "edited.yaml"
        path.write_text(yaml.safe_dump(original))
        return path

    return write


def test_an_unknown_robot_is_answered_with_the_known_ones():
    with pytest.raises(ProfileError, match="did you mean 'kagami'"):
        load_profile("kagamy")


def test_a_profile_with_an_unknown_joint_names_the_nearest_joint_of_the_robot(edited):
    def change(profile):
        profile["chains"]["left_arm"]["joints"][3] = "left_elbo"
        profile["controllers"] = {}
        profile["rest"] = {}

    with pytest.raises(ProfileError, match=r"no joint 'left_elbo' .* did you mean 'left_elbow'"):
        load_model(edited(change))


def test_a_profile_with_an_unknown_link_names_the_chain_and_the_nearest_link(edited):
    def change(profile):
        profile["chains"]["head"]["link"] = "haed_link"

    with pytest.raises(ProfileError, match=r"chains.head.link: .* did you mean 'head_link'"):
        load_model(edited(change))


def test_a_profile_with_an_unknown_key_lists_the_valid_ones(edited):
    with pytest.raises(ProfileError, match="no key 'chanes'; did you mean 'chains'"):
        load_profile(edited(lambda profile: profile.update(chanes={})))


def test_a_face_channel_of_an_unknown_action_unit_is_refused(edited):
    with pytest.raises(ProfileError, match=r"face\.jaw has no key 'AU99'"):
        load_profile(edited(lambda profile: profile["face"].update(jaw={"AU99": 1.0})))


def test_a_controller_of_a_joint_outside_the_profile_is_refused(edited):
    with pytest.raises(ProfileError, match=r"controllers.arm: 'left_knee'"):
        load_profile(edited(lambda profile: profile.update(controllers={"arm": ["left_knee"]})))


@pytest.mark.parametrize(("urdf", "says"), [
    ("<robot><link", "not valid XML"),
    ("<sdf/>", "root element is <sdf>"),
    ("<robot name='r'><link name='a'/></robot>", "has no joint 'torso_yaw'"),
    ("<robot name='r'><link name='a'/><link name='b'/></robot>", "one root link; found a, b"),
    ("<robot name='r'><link name='a'/><link name='b'/><joint name='j' type='hinge'>"
     "<parent link='a'/><child link='b'/></joint></robot>", "joint j has the unknown type"),
    ("<robot name='r'><link name='a'/><link name='b'/>"
     "<joint name='j' type='fixed'><parent link='a'/><child link='b'/></joint>"
     "<joint name='k' type='fixed'><parent link='b'/><child link='a'/></joint></robot>", "cycle"),
    ("<robot name='r'><link name='a'><inertial><mass value='1'/><inertia ixx='nan' ixy='0' "
     "ixz='0' iyy='1' iyz='0' izz='1'/></inertial></link></robot>", "link a: <inertia ixx='nan'>"),
    ("<robot name='r'><link name='a'/><joint name='j' type='fixed'><parent link='a'/>"
     "<child link='c'/></joint></robot>", "joint j: its child link 'c' does not exist"),
])
def test_a_malformed_description_is_refused_with_what_is_wrong(urdf, says):
    with pytest.raises((DescriptionError, ProfileError), match=says):
        RobotModel(load_profile("kagami"), urdf)


def test_a_joint_without_finite_limits_is_refused_by_name(robot):
    start = robot.urdf.index('<limit', robot.urdf.index('<joint name="torso_pitch"'))
    end = robot.urdf.index("/>", start)
    wrong = (robot.urdf[:start] + '<limit lower="nan" upper="1" effort="1" velocity="1"'
             + robot.urdf[end:])
    with pytest.raises(DescriptionError, match="torso_pitch"):
        RobotModel(robot.profile, wrong)


def test_a_missing_description_file_is_said_with_its_path(tmp_path):
    with pytest.raises(DescriptionError, match=r"nowhere\.urdf"):
        read_description(tmp_path / "nowhere.urdf")


def test_limits_and_rest_are_consistent(robot):
    assert (robot.lower < robot.upper).all()
    assert (robot.velocity > 0).all() and (robot.acceleration > 0).all()
    assert ((robot.lower <= robot.rest) & (robot.rest <= robot.upper)).all()
    assert robot.body.sum() == 20, "3 torso, 3 neck, 2 x 7 arm joints"


def test_at_zero_the_robot_stands_upright_with_hanging_arms(robot):
    posture = robot.human_posture(np.zeros(len(robot.joint_names)))
    np.testing.assert_allclose(posture.limbs, np.tile([0, 0, -1.0], (6, 1)), atol=0.06)
    np.testing.assert_allclose(posture.torso, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(posture.head, np.eye(3), atol=1e-9)


@pytest.mark.parametrize(("joint", "value", "limb", "expected"), [
    ("left_shoulder_pitch", -np.pi / 2, "left_upper_arm", [1, 0, 0]),
    ("left_shoulder_roll", np.pi / 2, "left_upper_arm", [0, 1, 0]),
    ("right_shoulder_roll", -np.pi / 2, "right_upper_arm", [0, -1, 0]),
    ("right_elbow", -np.pi / 2, "right_forearm", [1, 0, 0]),
])
def test_each_joint_moves_its_limb_the_documented_way(robot, joint, value, limb, expected):
    from mirror_robot.human.posture import LIMBS
    q = np.zeros(len(robot.joint_names))
    q[robot.index[joint]] = value
    direction = robot.limb_directions(q)[LIMBS.index(limb)]
    np.testing.assert_allclose(direction, expected, atol=0.06)


def test_a_smile_raises_the_mouth_corners_and_leaves_the_body_alone(robot):
    positions = face_positions(robot, {"AU12L": 1.0, "AU12R": 0.5})
    left = positions[robot.index["left_mouth_corner"]]
    right = positions[robot.index["right_mouth_corner"]]
    assert left == pytest.approx(robot.upper[robot.index["left_mouth_corner"]])
    assert 0 < right < left
    assert np.isnan(positions[robot.body]).all()


def test_in_mirror_image_the_other_corner_smiles(robot):
    positions = face_positions(robot, {"AU12L": 1.0, "AU12R": 0.0}, mirror_image=True)
    assert positions[robot.index["right_mouth_corner"]] > 0.01
    assert positions[robot.index["left_mouth_corner"]] == pytest.approx(0.0, abs=1e-9)


def test_the_drive_of_a_face_joint_is_the_inverse_of_its_position(robot):
    positions = face_positions(robot, {"AU12L": 0.6, "AU12R": 0.6, "AU26": 0.3, "AU25": 0.0})
    drive = face_drive(robot, positions)
    assert drive["left_mouth_corner"] == pytest.approx(0.6, abs=1e-6)
    assert set(drive) <= set(robot.profile.face)


def test_results_of_pinocchio_are_seen_as_one_array_and_stay_current(robot):
    data = robot.pin.createData()
    view = as_one([place.translation for place in data.oMi])
    pin.forwardKinematics(robot.pin, data, robot.configuration(robot.rest))
    np.testing.assert_array_equal(view, [place.translation for place in data.oMi])


def test_arrays_that_do_not_lie_evenly_in_memory_are_refused():
    block = np.zeros((8, 3))
    with pytest.raises(ValueError, match="one after the other"):
        as_one([block[0], block[1], block[4]])
