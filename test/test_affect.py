# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Affect: what the robot feels with the person's expression on its own face and body."""

from __future__ import annotations

import dataclasses
import functools
import itertools

import numpy as np
import pytest
from face_footage import (
    NEUTRAL_THEN_SMILING,
    PHOTOGRAPHS,
    WEEPING_THEN_LAUGHING,
    faces,
    photographs,
)

from mirror_robot.body.face import face_drive, face_positions
from mirror_robot.body.model import load_model
from mirror_robot.human.face import NeutralFace, action_units
from mirror_robot.mirror.affect import (
    EMOTIONS,
    MOODS,
    Affect,
    BodyExpression,
    BodySense,
    FeltAffect,
    describe,
    expression,
    mixed,
)
from mirror_robot.mirror.narration import Narrator, Understanding

# Not the built-in robot: one brow and one mouth, as simple robots have.
SIMPLE_FACE = {
    "brow": {"AU4": -1.0, "AU1": 1.0},
    "eyelids": {"AU43": 1.0, "AU5": -0.5},
    "mouth": {"AU12": 1.0, "AU15": -1.0},
    "beak": {"AU25": 0.5, "AU26": 0.8},
}


@functools.cache
def _kagami():
    return load_model("kagami")


def _drive(units):
    model = _kagami()
    return face_drive(model, face_positions(model, units))


def _shown(emotion, intensity=1.0):
    units = expression(emotion, intensity)
    silent = dict.fromkeys(action_units(dict.fromkeys(("eyeBlink", "jawOpen"), 0.0)), 0.0)
    zeros = {unit: 0.0 for gains in _kagami().profile.face.values() for unit in gains}
    return _drive({**silent, **{u: units.get(u, units.get(u.rstrip("LR"), 0.0)) for u in zeros}})


def _settle(felt, drive, seconds=4.0, rate=20, **rest):
    for frame in range(int(seconds * rate)):
        affect = felt.update(frame / rate, drive, **rest)
    return affect


def _felt():
    return FeltAffect(_kagami().profile.face)


@functools.cache
def _curve(clip, every):
    """Return what is felt along a clip: the whole way from the camera to the robot's face."""
    felt, neutral, curve = _felt(), NeutralFace(), []
    for face in faces(clip, every):
        neutral.update(face.stamp, face.coefficients)
        curve.append(felt.update(face.stamp, _drive(action_units(face.coefficients, neutral))))
    return tuple(curve)


def _valence(curve, start, end):
    return np.array([affect.valence for affect in curve if start <= affect.stamp <= end])


def test_weeping_worry_and_laughter_are_felt_in_this_order():
    curve = _curve(WEEPING_THEN_LAUGHING, 4)
    weeping = _valence(curve, 1.0, 2.4)
    worried = _valence(curve, 7.0, 9.3)
    laughing = _valence(curve, 12.8, 19.7)  # also with the eyes closed and the head down
    assert weeping.max() < worried.min() and worried.max() < laughing.min()
    assert weeping.mean() < -0.2
    assert abs(worried.mean()) < 0.2
    assert laughing.mean() > 0.4


def test_valence_changes_its_sign_once_from_weeping_to_laughing_and_in_time():
    curve = _curve(WEEPING_THEN_LAUGHING, 4)
    clear = [affect for affect in curve if abs(affect.valence) > 0.05]
    signs = [affect.valence > 0 for affect in clear]
    assert sum(a != b for a, b in itertools.pairwise(signs)) == 1
    turn = next(affect.stamp for affect in clear if affect.valence > 0)
    assert 9.4 <= turn <= 11.3  # relief from 9.4 s, a toothy smile from 10.3 s


def test_the_narration_says_that_she_weeps_and_later_that_she_is_joyful():
    narrator = Narrator()
    said = [(affect.stamp, sentence) for affect in _curve(WEEPING_THEN_LAUGHING, 4)
            if (sentence := narrator.update(
                Understanding(affect.stamp, "1", "smile", 0.8, None, affect)))]
    early = " ".join(text for stamp, text in said if stamp < 5.9)
    late = " ".join(text for stamp, text in said if stamp > 10.3)
    assert "weeps" in early and "distressed" in early and "laughs" not in early
    assert "laughs" in late and "joyful" in late and "weeps" not in late
    assert len(said) <= 8


def test_a_neutral_face_is_felt_as_nothing_and_its_smile_as_pleasant():
    curve = _curve(NEUTRAL_THEN_SMILING, 1)
    assert np.abs(_valence(curve, 0.0, 0.55)).max() < 0.15
    assert _valence(curve, 1.8, 2.4).min() > 0.35
    assert describe(curve[-1]).word in ("joyful", "content")


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_labelled_photographs_of_strangers_are_felt_with_the_right_sign(name):
    affect = _settle(_felt(), _drive(action_units(photographs()[name].coefficients)))
    match PHOTOGRAPHS[name]:
        case "happy":
            assert affect.valence > 0.3
        case "surprised":
            assert abs(affect.valence) < 0.2 and affect.arousal > 0.2
        case _:
            assert affect.valence < -0.05


@pytest.mark.parametrize("emotion", [e for e in EMOTIONS if e != "neutral"])
def test_every_emotion_shown_on_the_robots_face_is_felt_as_itself(emotion):
    affect = _settle(_felt(), _shown(emotion))
    assert max(affect.emotions, key=affect.emotions.get) == emotion


@pytest.mark.parametrize(("emotion", "sign"), [
    ("joy", 1), ("weeping", -1), ("sadness", -1), ("anger", -1), ("fear", -1), ("disgust", -1)])
def test_valence_has_the_right_sign_and_grows_with_the_intensity(emotion, sign):
    weak = _settle(_felt(), _shown(emotion, 0.5))
    strong = _settle(_felt(), _shown(emotion, 1.0))
    assert sign * strong.valence > 0.25
    assert sign * strong.valence > sign * weak.valence > 0.0


def test_anger_is_felt_as_stronger_than_fear_and_sadness_as_slower_than_joy():
    angry, afraid, sad, joyful = (
        _settle(_felt(), _shown(e)) for e in ("anger", "fear", "sadness", "joy"))
    assert angry.dominance > 0 > afraid.dominance
    assert joyful.arousal > sad.arousal


@pytest.mark.parametrize("opening", [0.0, 0.3, 0.6])
def test_a_mouth_that_only_talks_is_hardly_an_emotion(opening):
    neutral = dict.fromkeys(_kagami().profile.face, 0.0)
    talking = {**neutral, "upper_lip": 0.4 * opening, "jaw": 0.6 * opening}
    affect = _settle(_felt(), talking)
    assert abs(affect.valence) < 0.15 and describe(affect).word == "calm"


def test_a_blink_in_a_smile_does_not_turn_into_weeping():
    felt = _felt()
    smile = _drive({"AU12L": 0.8, "AU12R": 0.8, "AU10": 0.6, "AU25": 0.6, "AU24": 0.0,
                    "AU43L": 0.0, "AU43R": 0.0, "AU26": 0.0, "AU1": 0.0, "AU2": 0.0, "AU4": 0.0})
    before = _settle(felt, smile, 3.0, 30)
    for frame in range(5):
        during = felt.update(3.0 + frame / 30, {**smile, "left_lid": 1.0, "right_lid": 1.0})
    assert during.valence > 0.8 * before.valence


def test_a_simple_robot_feels_with_the_face_it_has():
    def feel(**drive):
        rest = dict.fromkeys(SIMPLE_FACE, 0.0)
        return _settle(FeltAffect(SIMPLE_FACE), {**rest, **drive})

    assert feel(mouth=0.9, beak=0.5).valence > 0.3
    assert feel(mouth=-0.7).valence < -0.1
    assert feel(mouth=0.7, eyelids=1.0, brow=0.5).valence < feel(mouth=0.7).valence - 0.3
    assert abs(feel().valence) < 0.1


def test_a_robot_without_a_face_feels_through_its_posture():
    drooping = BodyExpression(head_pitch=0.5, torso_pitch=0.3, openness=-0.2, raised=-0.9,
                              speed=0.02)
    lively = BodyExpression(head_pitch=-0.2, torso_pitch=-0.05, openness=0.6, raised=0.5,
                            speed=0.5)
    upright = BodyExpression(head_pitch=0.0, torso_pitch=0.0, openness=0.0, raised=-0.9,
                             speed=0.03)
    down, up, still = (_settle(FeltAffect({}), {}, body=body)
                       for body in (drooping, lively, upright))
    assert down.valence < -0.15 and up.valence > 0.15
    assert abs(still.valence) < 0.1
    assert up.arousal > down.arousal


def test_posture_shifts_what_the_face_says_but_does_not_overrule_it():
    drooping = BodyExpression(0.5, 0.3, -0.2, -0.9, 0.02)
    smile = _shown("joy", 0.8)
    assert 0.0 < _settle(_felt(), smile, body=drooping).valence <= _settle(
        _felt(), smile, body=BodyExpression(-0.1, 0.0, 0.3, 0.2, 0.3)).valence


def test_joints_that_are_not_known_lower_the_confidence_and_invent_nothing():
    joy = _shown("joy")
    whole = _settle(_felt(), joy)
    half = _settle(_felt(), {joint: value for joint, value in joy.items() if "lid" not in joint
                             and "brow" not in joint})
    none = _settle(_felt(), {})
    assert whole.confidence > half.confidence > none.confidence == 0.0
    assert half.valence > 0.3
    assert (none.valence, none.arousal, none.dominance) == (0.0, 0.0, 0.0)
    assert _settle(_felt(), dict.fromkeys(joy, float("nan"))).confidence == 0.0


def test_a_hand_before_a_weeping_mouth_does_not_end_the_weeping_at_once():
    felt, weeping = _felt(), _shown("weeping")
    before = _settle(felt, weeping, 3.0)
    upper = {joint: value for joint, value in weeping.items()
             if joint.endswith("lid") or "brow" in joint}
    for frame in range(20):
        after = felt.update(3.0 + frame / 20, upper)
    assert after.valence < 0.7 * before.valence < 0


def test_a_feeling_fades_when_there_is_nothing_to_see():
    felt = _felt()
    before = _settle(felt, _shown("joy"), 3.0)
    soon, late = felt.update(4.0, {}), felt.update(30.0, {})
    assert 0.5 * before.valence < soon.valence < before.valence
    assert abs(late.valence) < 0.02 and late.confidence < 0.05


def test_feeling_does_not_depend_on_the_frame_rate():
    joy = _shown("joy")
    slow = _settle(_felt(), joy, 1.0, 10)
    fast = _settle(_felt(), joy, 1.0, 60)
    assert slow.valence == pytest.approx(fast.valence, abs=0.08)


def test_affect_stays_bounded_and_finite_whatever_comes():
    generator, felt = np.random.default_rng(2), _felt()
    for frame in range(300):
        drive = {joint: float(value) for joint, value in zip(
            _kagami().profile.face, generator.normal(0, 3, 20)) if generator.random() > 0.2}
        body = BodyExpression(*generator.normal(0, 5, 5))
        affect = felt.update(frame * float(generator.random()), drive, body, 2.0)
        values = [affect.valence, affect.arousal, affect.dominance]
        assert np.isfinite(values).all() and np.abs(values).max() <= 1.0
        assert 0.0 <= affect.confidence <= 1.0
        assert sum(affect.emotions.values()) == pytest.approx(1.0)


def test_a_clock_that_jumps_back_starts_over():
    felt = _felt()
    _settle(felt, _shown("joy"), 5.0)
    assert abs(felt.update(0.0, _shown("weeping")).valence) < 1e-6


def test_the_body_sense_tells_head_arms_and_speed_of_the_robot_itself():
    model, sense = _kagami(), BodySense(_kagami())
    rest = model.rest.copy()
    still = [sense.update(frame / 20, rest) for frame in range(10)][-1]
    assert still.speed == pytest.approx(0.0) and abs(still.head_pitch) < 0.05
    assert still.raised < -0.8
    lifted = rest.copy()
    lifted[model.index["neck_pitch"]] = 0.4
    lifted[model.index["left_shoulder_roll"]] = 1.5
    lifted[model.index["right_shoulder_roll"]] = -1.5
    moved = sense.update(0.6, lifted)
    assert moved.head_pitch == pytest.approx(0.4, abs=0.02)
    assert moved.openness > 0.7 and moved.speed > 0.05
    unknown = sense.update(0.7, np.full(len(rest), np.nan))
    assert np.isnan(unknown.head_pitch) and np.isnan(unknown.openness)


def test_the_robots_own_state_colours_what_it_feels_for_another():
    felt, own = Affect(1.0, -0.5, 0.2, -0.3, 0.8), Affect(0.9, 0.5, 0.4, 0.3, 0.8)
    assert mixed(felt, own, 0.2).valence == pytest.approx(-0.3)
    assert mixed(felt, dataclasses.replace(own, confidence=0.0), 0.2).valence == -0.5


def test_moods_have_words_and_intensities():
    assert describe(Affect(0.0, 0.05, 0.0, 0.0, 1.0)).word == "calm"
    assert describe(Affect(0.0, 0.6, 0.4, 0.3, 1.0)).word == "joyful"
    assert describe(Affect(0.0, -0.5, -0.2, -0.3, 1.0)).word == "sad"
    weak, strong = describe(Affect(0.0, -0.2, 0.25, 0.1, 1.0)), describe(
        Affect(0.0, -0.5, 0.6, 0.25, 1.0))
    assert weak.word == strong.word == "angry" and weak.intensity < strong.intensity
    generator = np.random.default_rng(3)
    for place in generator.uniform(-1, 1, (100, 3)):
        assert describe(Affect(0.0, *map(float, place), 1.0)).word in MOODS


def test_an_emotion_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(ValueError, match="valid: neutral, joy"):
        expression("schadenfreude")
