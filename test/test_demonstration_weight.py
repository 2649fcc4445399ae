# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A demonstration that was given with strong feeling counts more than one that was not."""

from __future__ import annotations

import json
import time
from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.body.retargeting import Retargeter
from mirror_robot.console.main import main
from mirror_robot.human.posture import HumanPosture
from mirror_robot.mirror.features import MotorFeatures
from mirror_robot.mirror.lesson import OVER, Lesson, learn
from mirror_robot.mirror.live import LiveRepertoire
from mirror_robot.mirror.recognition import Recognizer
from mirror_robot.mirror.sharing import unit_from_text, unit_to_text
from mirror_robot.motor.primitive import MotorPrimitive, load_primitives, save_primitives
from mirror_robot.motor.shown import (
    Demonstration,
    Shown,
    bind_shown,
    cut,
    load_shown,
    relive,
    save_shown,
)

RATE = 20.0


@pytest.fixture(scope="module")
def model() -> RobotModel:
    return load_model("kagami")


def lifts(*directions: tuple[float, float, float]) -> list[HumanPosture]:
    """Return the postures of somebody who lifts the right arm, once towards each direction."""
    still = [0.0] * int(1.4 * RATE)
    up = list(0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, 36)))
    postures = [HumanPosture.standing(0.0)]
    for direction in directions:
        for lift in (*still, *up):
            posture = HumanPosture.standing(postures[-1].stamp + 1.0 / RATE)
            there = lift * np.array(direction) + (1.0 - lift) * np.array([0.05, 0.0, -1.0])
            posture.limbs[3:] = there / np.linalg.norm(there)
            postures.append(posture)
    return [*postures, *(HumanPosture.standing(postures[-1].stamp + k / RATE)
                         for k in range(1, 30))]


AHEAD, ASIDE = (1.0, 0.0, 0.2), (0.0, -1.0, 0.2)


def two_ways(ahead: float, aside: float) -> Shown:
    """Return one movement that was shown in two ways, which weigh so much."""
    first, second = cut(lifts(AHEAD, ASIDE))
    return Shown("hoist", (replace(first, weight=ahead), replace(second, weight=aside)), "hoists")


def highest(unit: MotorPrimitive, model: RobotModel) -> np.ndarray:
    """Return where the arm that moves points at the height of a unit's movement."""
    trajectory = unit.perform(model.rest)
    q = np.tile(model.rest, (len(trajectory.times), 1))
    q[:, [model.index[name] for name in trajectory.joint_names]] = trajectory.positions
    arms = np.array([model.limb_directions(row) for row in q])[:, [0, 3]].reshape(-1, 3)
    return arms[arms[:, 2].argmax()]


def test_of_two_ways_the_one_shown_with_strong_feeling_is_performed(model):
    assert highest(bind_shown(two_ways(1.0, 2.6), model), model)[0] < 0.5
    assert highest(bind_shown(two_ways(2.6, 1.0), model), model)[0] > 0.8
    assert highest(bind_shown(two_ways(1.0, 1.0), model), model)[0] > 0.8  # the first


def test_in_recognition_a_way_counts_the_more_the_more_it_weighs(model):
    """Seen is a mixture of both ways of one name with another unit that is like the second."""
    rival = bind_shown(Shown("offer_aside", (cut(lifts((0.5, -1.0, 0.2)))[0],), "offers"), model)
    told = {}
    for aside in (0.3, 1.0, 3.0):
        units = [bind_shown(two_ways(1.0, aside), model), rival]
        recognizer = Recognizer(units, MotorFeatures(model))
        seen = cut(lifts((0.28, -1.0, 0.2)))[0]
        for stamp, q in zip(seen.times[:16], relive(seen, Retargeter(model))):
            activation = recognizer.update(float(stamp), q)
        told[aside] = activation["hoist"] / (activation["hoist"] + activation["offer_aside"])
    assert told[0.3] < told[1.0] < told[3.0]


def test_a_lesson_weighs_each_repetition_by_what_is_felt_while_it_is_shown(model):
    lesson = Lesson("hoist", repetitions=2, countdown=0)
    lesson.see(HumanPosture.standing())
    lesson.update(0.0)
    postures = lifts(AHEAD, ASIDE)
    half = len(postures) // 2
    for row, posture in enumerate(postures):
        lesson.see(posture, 0.9 if row > half else 0.1)
        lesson.update(1.0 + posture.stamp)
    assert lesson.state == OVER
    weights = [shown.weight for shown in lesson.shown]
    assert weights == pytest.approx([1.2, 2.8])
    learnt = learn("hoist", lesson.shown, model, ())
    assert "number 2 moved me most" in learnt.sentences()[0]
    assert highest(learnt.unit, model)[0] < 0.5


def test_weights_survive_files_other_robots_export_and_import(tmp_path, monkeypatch, capsys):
    movement = two_ways(1.0, 2.6)
    monkeypatch.setenv("MIRROR_ROBOT_DATA", str(tmp_path / "mine"))
    save_shown(tmp_path / "mine/repertoire.npz", [movement])
    assert main(["repertoire", "export", str(tmp_path / "out.npz")]) == 0
    monkeypatch.setenv("MIRROR_ROBOT_DATA", str(tmp_path / "theirs"))
    assert main(["repertoire", "import", str(tmp_path / "out.npz")]) == 0
    (taken,) = load_shown(tmp_path / "theirs/repertoire.npz")
    given = unit_from_text(unit_to_text(taken))
    for one in (taken, given):
        assert [shown.weight for shown in one.demonstrations] == [1.0, 2.6]


def test_weights_of_a_bound_unit_survive_its_file(tmp_path, model):
    unit = bind_shown(two_ways(1.0, 2.6), model)
    save_primitives(tmp_path / "units.npz", model.joint_names, [unit])
    (back,), _ = load_primitives(tmp_path / "units.npz")
    assert [s.weight for s in back.styles] == [s.weight for s in unit.styles]
    assert sorted({s.weight for s in back.styles}) == [1.0, 2.6]


def test_a_file_from_before_there_were_weights_still_loads(tmp_path):
    save_shown(tmp_path / "new.npz", [two_ways(1.0, 2.6)])
    with np.load(tmp_path / "new.npz") as file:
        arrays = {key: file[key] for key in file.files}
    header = json.loads(str(arrays.pop("header")))
    for unit in header["units"]:
        del unit["weights"]
    np.savez(tmp_path / "old.npz", header=np.array(json.dumps(header)), **arrays)
    (movement,) = load_shown(tmp_path / "old.npz")
    assert [shown.weight for shown in movement.demonstrations] == [1.0, 1.0]


def test_a_weight_that_is_none_is_refused():
    shown = cut(lifts(AHEAD))[0]
    for weight in (0.0, -1.0, float("nan"), 1e6):
        with pytest.raises(ValueError, match="weight"):
            Demonstration(shown.times, shown.limbs, shown.torso, shown.head, weight)


def test_a_running_robot_takes_up_that_only_a_weight_has_changed(tmp_path, model):
    path = tmp_path / "taught.npz"
    save_shown(path, [two_ways(3.0, 1.0)])
    live = LiveRepertoire(model, None, path, copy)
    assert highest(live.first()["hoist"], model)[0] > 0.8
    save_shown(path, [two_ways(1.0, 3.0)])
    end, taken = time.monotonic() + 20.0, None
    while taken is None and time.monotonic() < end:
        taken = live.poll()
        time.sleep(0.01)
    assert taken is not None and highest(taken["hoist"], model)[0] < 0.5
