# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Gestures by REP-155's names, made by made people."""

from __future__ import annotations

import numpy as np
import pytest
from made_people import landmarks, movement

from mirror_robot.human.gesture import GestureSense
from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.human.posture import HumanPosture

STANDING = landmarks(HumanPosture.standing())


def _with(**places) -> np.ndarray:
    points = STANDING.copy()
    for name, place in places.items():
        points[POSE_INDEX[name]] = place
    return points


def _watched(*shown: np.ndarray, rate: float = 25.0, **options) -> list[str]:
    sense = GestureSense()
    return [sense(number / rate, points, **options) for number, points in enumerate(shown)]


def test_who_stands_makes_no_gesture():
    assert set(_watched(*[STANDING] * 25)) == {""}


@pytest.mark.parametrize(("up", "name"), [
    (("left",), "left_hand_raised"), (("right",), "right_hand_raised"),
    (("left", "right"), "both_hands_raised")])
def test_a_hand_above_the_nose_is_raised_after_a_moment_and_until_it_is_lowered(up, name):
    raised = _with(**{f"{side}_wrist": (0.1, 0.3 if side == "left" else -0.3, 0.9)
                      for side in up})
    told = _watched(*[STANDING] * 5, *[raised] * 20, *[STANDING] * 10)
    assert told[:5] == [""] * 5 and set(told[12:25]) == {name} and told[-1] == ""


def test_a_hand_in_one_single_image_is_none():
    raised = _with(left_wrist=(0.1, 0.3, 0.9))
    assert set(_watched(*[STANDING] * 5, raised, *[STANDING] * 10)) == {""}


@pytest.mark.parametrize("size", [0.7, 1.0])
@pytest.mark.parametrize("name", ["wave_left", "wave_right", "wave_both"])
def test_a_wave_is_waving(name, size):
    shown = [landmarks(posture, size) for posture in movement(name)]
    assert "waving" in _watched(*shown)


@pytest.mark.parametrize("name", ["bow", "point_left", "raise_hand_left", "celebrate", "shrug",
                                  "stop_left", "clap", "salute_right", "hand_on_heart_left"])
def test_other_movements_are_no_waving(name):
    told = _watched(*[landmarks(posture) for posture in movement(name)])
    assert not {"waving", "arms_crossed"} & set(told)


def test_arms_that_are_crossed_are_told_and_folded_hands_are_not():
    crossed = _with(left_elbow=(0.05, 0.22, 0.22), right_elbow=(0.05, -0.22, 0.22),
                    left_wrist=(0.2, -0.12, 0.26), right_wrist=(0.2, 0.12, 0.24))
    assert _watched(*[crossed] * 10)[-1] == "arms_crossed"
    folded = _with(left_elbow=(0.05, 0.22, 0.2), right_elbow=(0.05, -0.22, 0.2),
                   left_wrist=(0.25, 0.02, 0.1), right_wrist=(0.25, -0.02, 0.1))
    assert _watched(*[folded] * 10)[-1] == ""


def test_hands_on_the_face_are_told():
    assert _watched(*[STANDING] * 10, covered=True)[-1] == "hands_on_face"


def test_what_is_not_seen_is_no_gesture():
    unknown = np.full((33, 3), np.nan)
    assert set(_watched(*[unknown] * 10)) == {""}
    sense = GestureSense()
    for number in range(10):
        sense(100.0 + number / 25, _with(left_wrist=(0.1, 0.3, 0.9)))
    assert sense(0.0, STANDING) == ""  # time that stepped back
