# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Motion capture files become human postures."""

from __future__ import annotations

import numpy as np
import pytest

from mirror_robot.human.bvh import BvhError, postures_from_bvh, read_bvh


def _joint(name: str, offset: tuple[float, ...], *children: str) -> str:
    inside = "\n".join(children) or "End Site\n{\nOFFSET 0 -0.1 0\n}"
    return (f"JOINT {name}\n{{\nOFFSET {offset[0]} {offset[1]} {offset[2]}\n"
            f"CHANNELS 3 Zrotation Xrotation Yrotation\n{inside}\n}}")


def _file(left_arm_turn: float, up: str = "y") -> str:
    """Return a body that faces +z, y up, arms hanging, the left shoulder turned about z."""
    def arm(side: str, x: float) -> str:
        return _joint(f"{side}Arm", (x, 0.5, 0), _joint(
            f"{side}ForeArm", (0, -0.3, 0), _joint(
                f"{side}Hand", (0, -0.3, 0), _joint(f"{side}HandIndex1", (0, -0.1, 0)),
                _joint(f"{side}HandThumb1", (0, -0.03, 0.03)))))

    tree = (_joint("Head", (0, 0.7, 0)), arm("Left", 0.2), arm("Right", -0.2),
            _joint("LeftUpLeg", (0.1, 0, 0)), _joint("RightUpLeg", (-0.1, 0, 0)))
    root = ("HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition "
            "Zrotation Xrotation Yrotation\n" + "\n".join(tree) + "\n}\n")
    joints = root.count("JOINT")
    values = [0.0, 1.0, 0.0, 0.0, 90.0 if up == "z" else 0.0, 0.0] + [0.0] * (3 * joints)
    values[9] = left_arm_turn  # after the root's six and the head's three
    return (root + "MOTION\nFrames: 2\nFrame Time: 0.04\n"
            + "\n".join([" ".join(map(str, values))] * 2))


@pytest.mark.parametrize("up", ["y", "z"])
def test_an_arm_raised_sideways_in_the_file_is_raised_sideways(tmp_path, up):
    path = tmp_path / "raise.bvh"
    path.write_text(_file(90.0, up))
    posture = postures_from_bvh(path, start=2.0)[1]
    assert posture.stamp == pytest.approx(2.04)
    np.testing.assert_allclose(posture.limbs[:3], np.tile([0, 1, 0], (3, 1)), atol=1e-6)
    np.testing.assert_allclose(posture.limbs[3:], np.tile([0, 0, -1], (3, 1)), atol=1e-6)
    np.testing.assert_allclose(posture.torso, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(posture.head, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(posture.palms, [[0, 0, -1], [0, 1, 0]], atol=1e-6)


def test_a_file_cut_short_is_refused_with_its_name(tmp_path):
    path = tmp_path / "short.bvh"
    path.write_text(_file(0.0)[:-40])
    with pytest.raises(BvhError, match=r"short\.bvh is not a complete BVH file"):
        read_bvh(path)


def test_a_file_without_known_shoulders_lists_the_names_that_it_has(tmp_path):
    path = tmp_path / "odd.bvh"
    path.write_text(_file(0.0).replace("LeftArm", "Flipper"))
    with pytest.raises(BvhError, match="Flipper"):
        postures_from_bvh(path)
