# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The annotated image: what is seen is drawn, what is not is not."""

from __future__ import annotations

import numpy as np
import pytest

from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.perception.drawing import Drawn, annotate

IMAGE = np.full((480, 640, 3), 128, np.uint8)


def _pixels(**visibility: float) -> np.ndarray:
    """Return a body whose arms hang at x 0.3 and 0.7."""
    pixels = np.zeros((33, 3))
    for side, x in (("left", 0.7), ("right", 0.3)):
        for part, y in (("shoulder", 0.3), ("elbow", 0.5), ("wrist", 0.7)):
            name = f"{side}_{part}"
            pixels[POSE_INDEX[name]] = x, y, visibility.get(name, 1.0)
    return pixels


def _forearm(image: np.ndarray, x: float) -> np.ndarray:
    """Return the colour in the middle of the forearm, BGR."""
    return image[int(0.6 * 480), int(x * 640)].astype(int)


def test_a_limb_is_green_when_well_seen_red_when_hardly_and_not_drawn_when_unknown():
    drawn = annotate(IMAGE, [Drawn("anna", _pixels(left_wrist=0.05, right_wrist=1.0), True)])
    _, green, red = _forearm(drawn, 0.7)
    assert red > green + 50
    _, green, red = _forearm(drawn, 0.3)
    assert green > red + 50
    unknown = annotate(IMAGE, [Drawn("anna", _pixels(left_wrist=0.0), True)])
    np.testing.assert_array_equal(_forearm(unknown, 0.7), 128)


def test_the_image_that_is_given_stays_as_it_was_and_nobody_is_no_drawing():
    before = IMAGE.copy()
    annotate(IMAGE, [Drawn("anna", _pixels(), True)], [np.full((478, 2), 0.5)])
    np.testing.assert_array_equal(IMAGE, before)
    np.testing.assert_array_equal(annotate(IMAGE, []), before)


def test_who_is_attended_to_is_brighter_than_others():
    bright = annotate(IMAGE, [Drawn("anna", _pixels(), True)])
    dark = annotate(IMAGE, [Drawn("anna", _pixels(), False)])
    assert _forearm(bright, 0.3).sum() > 1.5 * _forearm(dark, 0.3).sum()


@pytest.mark.parametrize("shape", [(480, 640), (60, 80), (8, 8), (1080, 1920)])
@pytest.mark.parametrize("shift", [-0.9, 0.0, 0.9])
def test_people_at_the_edge_and_images_of_any_size_are_drawn(shape, shift):
    pixels = _pixels()
    pixels[:, :2] += shift
    image = np.full((*shape, 3), 128, np.uint8)
    drawn = annotate(image, [Drawn("somebody", pixels, True)], [0.5 + shift + np.zeros((478, 2))])
    assert drawn.shape == image.shape
    assert (drawn != image).any()
