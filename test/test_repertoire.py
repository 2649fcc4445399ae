# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The repertoire: what is written in human terms, bound to the built-in robot."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import yaml

from mirror_robot.body.model import load_model
from mirror_robot.motor.repertoire import RepertoireError, load_repertoire
from mirror_robot.motor.script import parse_scripts, read_scripts, sample_course
from mirror_robot.resources import share_file

FILE = share_file("config/repertoire.yaml")
NEEDED = {"wave", "raise_hand", "point", "nod", "shake_head", "clap", "arms_open", "bow",
          "hands_on_face", "shrug", "smile", "frown", "surprise"}


@pytest.fixture(scope="module")
def model():
    return load_model("kagami")


@pytest.fixture(scope="module")
def repertoire(model):
    return load_repertoire(model)


def content() -> dict:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def test_the_first_social_actions_are_all_there(repertoire):
    assert {unit.action for unit in repertoire if not unit.background} >= NEEDED
    assert {"wave_left", "wave_right", "wave_both"} <= set(repertoire.names)


def test_every_unit_can_be_performed_within_the_robots_limits(model, repertoire):
    for unit in repertoire:
        for style in unit.styles:
            trajectory = repertoire.perform(unit.name, style=style.name, speed=1.3, size=1.2)
            rows = [model.index[name] for name in trajectory.joint_names]
            assert np.isfinite(trajectory.positions).all(), unit.name
            assert (trajectory.positions >= model.lower[rows] - 1e-9).all(), unit.name
            assert (trajectory.positions <= model.upper[rows] + 1e-9).all(), unit.name
            speed = np.abs(np.diff(trajectory.positions, axis=0)) / np.diff(
                trajectory.times)[:, None]
            assert (speed <= 1.05 * model.velocity[rows]).all(), unit.name
            # Well under twice what is written: binding left no jump to be slowed down for.
            assert trajectory.times[-1] < 2.0 * style.length(3) / 1.3, (unit.name, style.name)


def test_the_robot_points_its_limbs_where_the_script_says(model, repertoire):
    for script in read_scripts(FILE):
        if script.channel != "body" or script.action in ("bow", "rest"):
            continue
        unit = repertoire[script.name]
        for style in script.styles:
            course = sample_course(script, style)
            positions = unit.style(style.name).positions(course.times / course.times[-1])
            shown = np.array([model.limb_directions(q) for q in positions])
            angle = np.degrees(np.arccos(np.clip((shown * course.limbs).sum(-1), -1, 1)))
            assert np.nanmedian(angle) < 8.0, (script.name, style.name)
            assert np.nanpercentile(angle, 90) < 25.0, (script.name, style.name)


def test_left_and_right_are_mirror_images(model, repertoire):
    left = repertoire["wave_left"].style("high").positions(np.linspace(0, 1, 9))
    right = repertoire["wave_right"].style("high").positions(np.linspace(0, 1, 9))
    shown = np.array([model.limb_directions(q)[:3] for q in left])
    other = np.array([model.limb_directions(q)[3:] for q in right])
    np.testing.assert_allclose(shown * (1, -1, 1), other, atol=0.1)


def test_bound_units_are_kept_and_taken_from_the_cache(model, tmp_path, monkeypatch):
    monkeypatch.setenv("MIRROR_ROBOT_CACHE", str(tmp_path))
    small = content()
    small["units"] = {"nod": small["units"]["nod"]}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(small), encoding="utf-8")
    first = load_repertoire(model, path)
    kept = list((tmp_path / "repertoire").iterdir())
    assert len(kept) == 1
    monkeypatch.setattr("mirror_robot.motor.repertoire.bind_script", None)
    again = load_repertoire(model, path)
    np.testing.assert_array_equal(again["nod"].styles[0].mean, first["nod"].styles[0].mean)


def test_a_damaged_cache_is_made_anew(model, tmp_path, monkeypatch):
    monkeypatch.setenv("MIRROR_ROBOT_CACHE", str(tmp_path))
    small = content()
    small["units"] = {"nod": small["units"]["nod"]}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(small), encoding="utf-8")
    load_repertoire(model, path)
    (kept,) = (tmp_path / "repertoire").iterdir()
    kept.write_bytes(b"nonsense")
    assert load_repertoire(model, path).names == ("nod",)


def broken(edit) -> str:
    data = copy.deepcopy(content())
    edit(data)
    with pytest.raises(RepertoireError) as error:
        parse_scripts(data)
    return str(error.value)


def test_a_wrong_key_is_answered_with_the_right_ones():
    def edit(data):
        data["units"]["nod"]["stiles"] = data["units"]["nod"].pop("styles")
    message = broken(edit)
    assert "units.nod" in message and "'stiles'" in message and "did you mean 'styles'" in message


def test_a_wrong_action_unit_names_its_place_and_the_valid_ones():
    def edit(data):
        data["units"]["smile"]["styles"]["broad"]["keys"][1]["face"] = {"AU99": 0.5}
    message = broken(edit)
    assert "units.smile.styles.broad.keys[1].face" in message and "AU12L" in message


def test_a_number_out_of_range_names_value_and_range():
    def edit(data):
        data["units"]["bow"]["styles"]["deep"]["keys"][1]["torso"] = {"bend": 400}
    message = broken(edit)
    assert "torso.bend" in message and "400" in message and "120" in message


def test_a_posture_that_is_not_in_the_list_is_refused():
    def edit(data):
        data["units"]["point"]["styles"]["ahead"]["keys"][0]["arm"] = "haning"
    assert "did you mean 'hanging'" in broken(edit)


def test_an_arm_that_would_jump_to_the_opposite_side_is_refused():
    def edit(data):
        data["units"]["point"]["styles"]["ahead"]["keys"][1]["arm"] = {
            "upper": [80, -90], "forearm": [80, -90]}
    assert "add a key between" in broken(edit)


def test_a_repetition_must_start_at_a_key():
    def edit(data):
        data["units"]["wave"]["styles"]["high"]["repeat"] = [0.61, 1.3]
    assert "repeat" in broken(edit)


def test_a_file_that_is_no_yaml_is_named(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("units: [", encoding="utf-8")
    with pytest.raises(RepertoireError, match=r"bad\.yaml is not valid YAML"):
        read_scripts(path)


def test_an_unknown_unit_is_answered_with_the_known_ones(repertoire):
    with pytest.raises(RepertoireError, match="did you mean 'wave_left'"):
        repertoire["wave_lef"]
