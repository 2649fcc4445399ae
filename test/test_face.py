# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Faces: measures that do not depend on the head, neutral faces, action units."""

from __future__ import annotations

import numpy as np
import pytest
from face_footage import NEUTRAL_THEN_SMILING, WEEPING_THEN_LAUGHING, faces

from mirror_robot.body.profile import ACTION_UNITS
from mirror_robot.human.face import (
    GEOMETRY,
    MOUTH_HIDDEN,
    MOUTH_UNITS,
    NEUTRAL,
    SIDED_UNITS,
    NeutralFace,
    action_units,
    face_geometry,
    hand_over_mouth,
    is_calm,
)
from mirror_robot.human.landmarks import POSE_INDEX

NOBODY = {name: mean for name, (mean, _) in NEUTRAL.items()}


def _mesh(seed=0):
    """Return a made-up face: an ellipsoid with the points that are measured in their places."""
    mesh = np.random.default_rng(seed).normal(size=(478, 3)) * (30, 40, 10)
    places = {263: (45, 0, -5), 33: (-45, 0, -5), 362: (17, 0, 0), 133: (-17, 0, 0),
              10: (0, 60, 5), 2: (0, -40, 20), 152: (0, -110, 5), 291: (25, -65, 8),
              61: (-25, -65, 8), 0: (0, -57, 15), 13: (0, -64, 13), 14: (0, -66, 13),
              17: (0, -76, 14)}
    for index, place in places.items():
        mesh[index] = place
    for side, brow in ((1, (285, 336, 282, 334, 276, 300)), (-1, (55, 107, 52, 105, 46, 70))):
        for index, (x, y) in zip(brow, ((12, 18), (12, 24), (30, 22), (30, 27), (48, 12),
                                        (48, 18))):
            mesh[index] = (side * x, y, 5)
    for side, upper, lower in ((1, (385, 386, 387), (380, 374, 373)),
                               (-1, (160, 159, 158), (144, 145, 153))):
        mesh[list(upper)] = (side * 30, 4, 2)
        mesh[list(lower)] = (side * 30, -4, 2)
    return mesh


def _rotation(pitch, yaw, roll):
    cos, sin = np.cos([pitch, yaw, roll]), np.sin([pitch, yaw, roll])
    about_x = np.array([[1, 0, 0], [0, cos[0], -sin[0]], [0, sin[0], cos[0]]])
    about_y = np.array([[cos[1], 0, sin[1]], [0, 1, 0], [-sin[1], 0, cos[1]]])
    about_z = np.array([[cos[2], -sin[2], 0], [sin[2], cos[2], 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _seen(mesh, rotation, scale=1.0, offset=(0, 0, 0)):
    """Return a mesh as an image shows it (y down, z away), and its transformation matrix."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    return (mesh @ rotation.T * scale + offset) * (1, -1, -1), matrix


@pytest.mark.parametrize("turn", [(0.3, 0, 0), (0, -0.5, 0), (0, 0, 0.7), (0.2, 0.4, -0.3)])
def test_measures_do_not_depend_on_turn_size_or_place_of_the_head(turn):
    mesh = _mesh()
    straight = face_geometry(*_seen(mesh, np.eye(3)))
    turned = face_geometry(*_seen(mesh, _rotation(*turn), 2.5, (400, -300, 20)))
    assert tuple(straight) and set(straight) == set(GEOMETRY)
    for name in GEOMETRY:
        assert turned[name] == pytest.approx(straight[name], abs=1e-9)


def test_without_the_matrix_a_rolled_face_is_set_upright_by_its_own_features():
    mesh = _mesh()
    straight = face_geometry(_seen(mesh, np.eye(3))[0])
    rolled = face_geometry(_seen(mesh, _rotation(0, 0, 0.6))[0])
    for name in GEOMETRY:
        assert rolled[name] == pytest.approx(straight[name], abs=1e-9)


def test_left_is_the_persons_own_left():
    mesh = _mesh()
    mesh[[385, 386, 387, 380, 374, 373]] = (30, 0, 2)  # the eye at positive x: their left
    measures = face_geometry(*_seen(mesh, np.eye(3)))
    assert measures["eyeApertureLeft"] == pytest.approx(0.0, abs=1e-9)
    assert measures["eyeApertureRight"] > 0.05
    units = action_units({**NOBODY, "eyeBlinkLeft": 1.0, "eyeApertureLeft": 0.0})
    assert units["AU43L"] > 0.9 and units["AU43R"] == 0.0


def test_a_degenerate_mesh_gives_no_measures_and_a_wrong_shape_is_refused():
    assert face_geometry(np.zeros((478, 3))) == {}
    assert face_geometry(np.full((478, 3), np.nan)) == {}
    with pytest.raises(ValueError, match=r"\(478, 3\)"):
        face_geometry(np.zeros((33, 3)))


def test_all_action_units_are_such_as_a_robot_profile_may_name():
    units = action_units(NOBODY)
    bases = {unit.rstrip("LR") for unit in units}
    assert bases <= set(ACTION_UNITS)
    assert {unit + side for unit in SIDED_UNITS for side in ("", "L", "R")} <= set(units)


def test_a_neutral_face_shows_no_action_unit():
    assert max(action_units(NOBODY).values()) == 0.0


def test_action_units_stay_within_bounds_whatever_comes():
    generator = np.random.default_rng(1)
    for _ in range(200):
        wild = {name: float(value) for name, value in
                zip(NOBODY, generator.normal(0.3, 1.0, len(NOBODY)))}
        values = np.array(list(action_units(wild).values()))
        assert ((values >= 0.0) & (values <= 1.0)).all()


def test_what_is_not_known_is_left_out():
    assert action_units({}) == {}
    only_jaw = action_units({"jawOpen": 0.6})
    assert set(only_jaw) == {"AU26"} and only_jaw["AU26"] > 0.8
    broken = action_units({**NOBODY, "lipOpening": float("nan")})
    assert "AU25" not in broken and "AU12" in broken


def test_a_hidden_mouth_is_not_told_of():
    units = action_units({**NOBODY, "mouthSmileLeft": 1.0, "mouthSmileRight": 1.0,
                          MOUTH_HIDDEN: 1.0})
    assert not {unit.rstrip("LR") for unit in units} & set(MOUTH_UNITS)
    assert {"AU1", "AU4", "AU43"} <= set(units)


def test_a_hand_at_the_mouth_hides_it():
    body = np.zeros((33, 3))
    body[POSE_INDEX["left_ear"]], body[POSE_INDEX["right_ear"]] = (0, 0.07, 0), (0, -0.07, 0)
    body[[POSE_INDEX["mouth_left"], POSE_INDEX["mouth_right"]]] = (0.08, 0, -0.06)
    for side in ("left", "right"):
        for part in ("wrist", "index", "pinky", "thumb"):
            body[POSE_INDEX[f"{side}_{part}"]] = (0.1, 0.2, -0.6)
    assert not hand_over_mouth(body)
    body[POSE_INDEX["right_index"]] = (0.12, -0.03, -0.05)
    assert hand_over_mouth(body)
    assert not hand_over_mouth(np.full((33, 3), np.nan))


def _person():
    """Return the calm face of somebody with low, dark brows: a frown, if taken absolutely."""
    face = dict(NOBODY)
    for side in ("Left", "Right"):
        face[f"browDown{side}"] = 0.45
        for part in ("Inner", "Middle", "Outer"):
            face[f"brow{part}Height{side}"] -= 0.04
    return face


def test_low_brows_are_learnt_to_be_this_persons_own():
    person, neutral = _person(), NeutralFace()
    before = action_units(person, neutral)["AU4"]
    for frame in range(90):
        assert neutral.update(frame / 30, person)
    assert before > 0.3
    assert action_units(person, neutral)["AU4"] < 0.1
    assert neutral.maturity > 0.8


def test_nothing_is_learnt_from_a_face_that_expresses_something_or_looks_away():
    weeping = {**_person(), "eyeBlinkLeft": 0.9, "eyeBlinkRight": 0.9,
               "eyeApertureLeft": 0.01, "eyeApertureRight": 0.01}
    laughing = {**_person(), "lipOpening": 0.2, "mouthSmileLeft": 0.9, "mouthSmileRight": 0.9}
    neutral = NeutralFace()
    for frame in range(30):
        assert not neutral.update(frame / 30, weeping)
        assert not neutral.update(frame / 30, laughing)
        assert not neutral.update(frame / 30, _person(), facing=False)
        assert not neutral.update(frame / 30, {**_person(), MOUTH_HIDDEN: 1.0})
    assert neutral.values == NOBODY and neutral.maturity == 0.0


def test_a_face_far_from_all_people_is_not_taken_for_neutral_altogether():
    strange = {**NOBODY, "browDownLeft": 1.0, "browDownRight": 1.0}
    neutral = NeutralFace(cap=2.0)
    for frame in range(600):
        neutral.update(frame / 30, strange)
    assert neutral.values["browDownLeft"] == pytest.approx(
        NEUTRAL["browDownLeft"][0] + 2.0 * NEUTRAL["browDownLeft"][1])


def test_the_neutral_face_does_not_depend_on_the_frame_rate():
    person, slow, fast = _person(), NeutralFace(), NeutralFace()
    for frame in range(15):
        slow.update(frame / 15, person)
    for frame in range(60):
        fast.update(frame / 60, person)
    assert slow.values["browDownLeft"] == pytest.approx(fast.values["browDownLeft"], abs=0.03)


def _mean(observations, start, end, unit):
    units = [action_units(face.coefficients) for face in observations
             if start <= face.stamp <= end]
    return float(np.mean([values[unit] for values in units]))


def test_lips_over_the_teeth_tell_laughing_from_weeping_where_the_smile_does_not():
    seen = faces(WEEPING_THEN_LAUGHING, 4)
    weeping, laughing = (0.7, 2.4), (12.6, 16.0)
    smile = [np.mean([0.5 * (f.coefficients["mouthSmileLeft"] + f.coefficients["mouthSmileRight"])
                      for f in seen if start <= f.stamp <= end])
             for start, end in (weeping, laughing)]
    assert smile[0] > 0.6  # the trap
    assert _mean(seen, *laughing, "AU10") > _mean(seen, *weeping, "AU10") + 0.5
    assert _mean(seen, *laughing, "AU25") > _mean(seen, *weeping, "AU25") + 0.5
    assert _mean(seen, *weeping, "AU43") > _mean(seen, *laughing, "AU43") + 0.5


def test_a_smile_raises_its_action_unit_and_a_neutral_face_before_it_does_not():
    seen = faces(NEUTRAL_THEN_SMILING, 1)
    assert _mean(seen, 0.0, 0.5, "AU12") < 0.1
    assert _mean(seen, 1.2, 2.4, "AU12") > 0.6
    assert is_calm(seen[0].coefficients) and not is_calm(seen[-1].coefficients)
