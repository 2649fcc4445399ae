# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Fingers, shapes of hands, and whose hand it is."""

from __future__ import annotations

import numpy as np
import pytest

from mirror_robot.human.hands import finger_curls, hand_shape
from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.perception.people import match_hands
from mirror_robot.perception.wire import HandLandmarks, PoseLandmarks

UP = np.array([0.0, 0.0, 1.0])


def _hand(*curls: float) -> np.ndarray:
    """Return a hand with the fingers along z, curled by shares of a full fist about x."""
    points = np.zeros((21, 3))
    for finger, curl in enumerate(curls):
        side = 0.02 * (finger - 2)
        if finger == 0:
            bend, step, place = np.array([0.0, 0.0, 0.7, 0.7]) * curl, 0.03, np.zeros(3)
            angle, axis = 0.0, np.array([-0.6, 0.0, 0.8])
        else:
            bend, step, place = np.array([0.0, 1.5, 1.4, 0.8]) * curl, 0.035, np.zeros(3)
            angle, axis = 0.0, UP
        for number in range(4):
            angle += bend[number]
            way = np.cos(angle) * axis + np.sin(angle) * np.array([0.0, 1.0, 0.0])
            place = place + (0.09 if number == 0 and finger else step) * way
            points[1 + 4 * finger + number] = place
            points[1 + 4 * finger + number, 0] += side
    return points


@pytest.mark.parametrize(("curls", "shape"), [
    ((0, 0, 0, 0, 0), "open"), ((1, 1, 1, 1, 1), "fist"), ((1, 0, 1, 1, 1), "pointing"),
    ((0, 1, 1, 1, 1), "thumb_up"), ((0, 0, 0, 1, 1), "")])
def test_shapes_are_told_by_what_the_fingers_do(curls, shape):
    hand = _hand(*curls)
    np.testing.assert_allclose(finger_curls(hand)[1:], curls[1:], atol=0.25)
    assert hand_shape(hand, UP) == shape


def test_a_thumb_that_points_down_is_another_shape():
    assert hand_shape(_hand(0, 1, 1, 1, 1), -UP) == "thumb_down"


def _seen(x: float, right: float) -> HandLandmarks:
    image = np.full((21, 3), 0.5)
    image[:, 0] = x
    image[9, 1] = 0.45
    return HandLandmarks(right, image, np.zeros((21, 3)))


def test_a_hand_belongs_to_the_wrist_it_is_at_and_others_hands_to_nobody():
    image = np.full((33, 3), 0.5)
    image[POSE_INDEX["left_wrist"], 0], image[POSE_INDEX["right_wrist"], 0] = 0.6, 0.4
    pose = PoseLandmarks(image, image, np.ones(33), np.ones(33))
    near_left, near_right, other = _seen(0.61, 0.2), _seen(0.39, 0.9), _seen(0.9, 0.9)
    assert match_hands([other, near_right, near_left], pose, (640, 480)) == {
        "left": near_left, "right": near_right}
