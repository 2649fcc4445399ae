# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Expressions by REP-155's names: of photographs and clips, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from face_footage import (
    NEUTRAL_THEN_SMILING,
    TALKING,
    WEEPING_THEN_LAUGHING,
    faces,
    photographs,
)

from mirror_robot.human.expression import EXPRESSIONS, ExpressionSense, log_likelihood
from mirror_robot.human.face import MOUTH_HIDDEN, NEUTRAL, NeutralFace

CALM = {name: mean for name, (mean, _) in NEUTRAL.items()}
SMILE = {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "mouthUpperUpLeft": 0.8,
         "mouthUpperUpRight": 0.8, "lipOpening": 0.15, "mouthCornerNoseLeft": 0.15,
         "mouthCornerNoseRight": 0.15}


def _read(coefficients, seconds=1.0, start=0.0, sense=None, neutral=None, aside=0.0):
    """Return the expression of a face that is shown for a while at 30 Hz."""
    sense, neutral = sense or ExpressionSense(), neutral or NeutralFace()
    for number in range(int(30 * seconds)):
        seen = sense(start + number / 30, coefficients(number / 30) if callable(coefficients)
                     else coefficients, neutral, aside)
    return seen


def test_a_calm_face_is_neutral():
    seen = _read(CALM)
    assert seen.name == "neutral" and seen.confidence > 0.3
    assert abs(seen.valence) < 0.25


@pytest.mark.parametrize(("units", "name"), [
    ({"AU12": 0.8, "AU6": 0.4, "AU10": 0.8, "AU25": 0.9}, "happy"),
    ({"AU1": 0.5, "AU4": 0.2, "AU15": 0.5, "AU17": 0.4}, "sad"),
    ({"AU4": 0.8, "AU7": 0.4, "AU23": 0.4, "AU24": 0.3}, "angry"),
    ({"AU1": 0.6, "AU2": 0.8, "AU5": 0.6, "AU25": 1.0, "AU26": 0.7}, "surprised"),
    ({"AU4": 0.6, "AU7": 0.4, "AU9": 0.6, "AU10": 0.3}, "disgusted"),
    ({"AU1": 0.5, "AU4": 0.3, "AU5": 0.4, "AU20": 0.7, "AU25": 0.7}, "scared")])
def test_the_emotional_prototypes_are_told(units, name):
    everything = dict.fromkeys(("AU1", "AU2", "AU4", "AU5", "AU12", "AU15", "AU20", "AU43"), 0.0)
    assert EXPRESSIONS[int(log_likelihood({**everything, **units}).argmax())] == name


def test_the_labelled_photographs_are_told_or_at_least_not_the_other_way_round():
    signs = {"surprised": 0, "happy": 1, "angry": -1, "disgusted": -1}
    right = 0
    labels = {"0-f1-su-ph.jpg": "surprised", "0-f15-hao-ph.jpg": "happy",
              "15-f13-anc-ph.jpg": "angry", "45-m7-di-ph.jpg": "disgusted"}
    for name, face in photographs().items():
        seen = _read(face.coefficients)
        right += seen.name == labels[name]
        assert signs[labels[name]] * seen.valence >= 0.0
        if signs[labels[name]]:
            assert abs(seen.valence) > 0.2
    assert right >= 3


def _course(clip, every, scale=1.0):
    sense, neutral, out = ExpressionSense(), NeutralFace(), []
    for face in faces(clip, every, scale):
        neutral.update(face.stamp, face.coefficients)
        out.append((face.stamp, sense(face.stamp, face.coefficients, neutral)))
    return out


def _share(course, start, end, name) -> float:
    return float(np.mean([seen.name == name for stamp, seen in course if start <= stamp <= end]))


def test_weeping_is_told_from_laughing_though_both_lift_the_corners_of_the_mouth():
    course = _course(WEEPING_THEN_LAUGHING, 4)
    assert _share(course, 0.9, 2.4, "sad") > 0.9  # mouthSmile is above 0.6 all the while
    assert _share(course, 12.6, 19.7, "happy") > 0.9
    valence = np.array([(stamp, seen.valence) for stamp, seen in course])
    assert valence[valence[:, 0] < 5.8, 1].max() < 0.0 < valence[valence[:, 0] > 12.6, 1].min()


def test_a_face_at_rest_is_neutral_until_it_smiles():
    course = _course(NEUTRAL_THEN_SMILING, 2)
    assert _share(course, 0.0, 0.5, "neutral") > 0.8
    assert _share(course, 1.2, 2.4, "happy") > 0.9


def test_a_mouth_that_talks_is_no_expression():
    def talking(time: float) -> dict[str, float]:
        opened = max(np.sin(2 * np.pi * 4.0 * time), 0.0)  # four syllables a second
        brows = 0.25 if (time % 1.0) < 0.4 else 0.04  # one word in three is underlined
        return {**CALM, "lipOpening": 0.15 * opened, "jawOpen": 0.5 * opened,
                "browInnerUp": brows, "mouthUpperUpLeft": 0.2 * opened,
                "mouthUpperUpRight": 0.2 * opened}

    sense, neutral = ExpressionSense(), NeutralFace()
    seen = [sense(number / 30, talking(number / 30), neutral) for number in range(150)]
    assert {one.name for one in seen} == {"neutral"}
    assert max(abs(one.valence) for one in seen) < 0.25


def test_a_man_who_talks_shows_no_expression():
    course = _course(TALKING, 2, 3.0)  # enlarged, or his face were too small to be read
    assert len(course) > 40
    assert _share(course, 0.5, 99.0, "neutral") > 0.9
    assert np.mean([abs(seen.valence) < 0.25 for _, seen in course]) > 0.9


def test_a_blink_ends_no_smile_and_one_odd_image_begins_none():
    sense, neutral = ExpressionSense(), NeutralFace()
    _read({**CALM, **SMILE}, 1.0, 0.0, sense, neutral)
    for number in range(3):
        blink = sense(1.0 + number / 30, {**CALM, **SMILE, "eyeBlinkLeft": 1.0,
                                          "eyeBlinkRight": 1.0, "eyeApertureLeft": 0.01,
                                          "eyeApertureRight": 0.01}, neutral)
        assert blink.name == "happy"
    sense = ExpressionSense()
    _read(CALM, 1.0, 0.0, sense, neutral)
    assert sense(1.0, {**CALM, **SMILE}, neutral).name == "neutral"


def test_a_hidden_mouth_a_face_turned_away_and_a_stranger_are_told_with_less_confidence():
    smiling, known = {**CALM, **SMILE}, NeutralFace()
    for number in range(300):
        known.update(number / 30, CALM)
    sure = _read(smiling, neutral=known)
    assert sure.name == "happy" and sure.confidence > 0.8
    assert _read(smiling).confidence < sure.confidence
    assert _read(smiling, neutral=known, aside=1.0).confidence < 0.3
    hidden = _read({**smiling, MOUTH_HIDDEN: 1.0}, neutral=known)
    assert hidden.name != "happy" and hidden.confidence < sure.confidence


def test_time_that_steps_back_starts_over():
    sense, neutral = ExpressionSense(), NeutralFace()
    _read({**CALM, **SMILE}, 1.0, 100.0, sense, neutral)
    assert sense(0.0, CALM, neutral).name == "neutral"
