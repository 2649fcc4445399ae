# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Teaching: what is shown once is cut, kept in human terms, bound, and told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mirror_robot.body.model import load_model
from mirror_robot.console.main import main
from mirror_robot.human.posture import HumanPosture
from mirror_robot.motor.script import RepertoireError
from mirror_robot.motor.shown import (
    Shown,
    bind_shown,
    cut,
    load_shown,
    load_shown_or_last,
    save_shown,
)


def circling(turns=2, rate=20.0, seed=0):
    """Return the postures of somebody who lifts the right arm sideways, `turns` times."""
    random = np.random.default_rng(seed)
    postures, stamp = [], 0.0
    for _ in range(turns):
        for lift in (*np.zeros(20), *(0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, 40))),
                     *np.zeros(20)):
            posture = HumanPosture.standing(stamp)
            angle = 1.9 * lift + 0.005 * random.standard_normal()
            posture.limbs[3:] = [0.0, -np.sin(angle), -np.cos(angle)]
            postures.append(posture)
            stamp += 1.0 / rate
    return postures


@pytest.fixture(scope="module")
def model():
    return load_model("kagami")


@pytest.fixture
def movement():
    return Shown("flap", tuple(cut(circling())), "flaps")


def test_a_recording_is_cut_at_its_rests(movement):
    assert len(movement.demonstrations) == 2
    for shown in movement.demonstrations:
        assert 1.0 < shown.times[-1] < 2.4


def test_standing_still_is_no_movement():
    assert cut([HumanPosture.standing(0.05 * i) for i in range(60)]) == []


def test_only_what_moved_belongs_to_the_unit(model, movement):
    unit = bind_shown(movement, model)
    used = [set(np.flatnonzero(np.isfinite(style.mean).all(axis=0))) for style in unit.styles]
    right, left = set(model.columns("right_arm")), set(model.columns("left_arm"))
    assert unit.channel == "body"
    assert used == [right, right, left, left], "two as shown, two as in a mirror"
    assert set(np.flatnonzero(unit.weights.any(axis=1))) == right | left


def test_what_is_its_own_mirror_image_is_not_kept_twice(model):
    postures = []
    for posture in circling():
        posture.limbs[:3] = posture.limbs[3:] * [1, -1, 1]
        postures.append(posture)
    assert len(bind_shown(Shown("flap", tuple(cut(postures))), model).styles) == 2


def test_the_robot_makes_what_it_was_shown(model, movement):
    unit = bind_shown(movement, model)
    top = unit.styles[0].positions(np.array([0.5]))[0]
    upper_arm = model.limb_directions(np.where(np.isfinite(top), top, model.rest))[3]
    angle = np.degrees(np.arccos(upper_arm @ [0, -np.sin(1.9), -np.cos(1.9)]))
    assert angle < 20


def test_what_is_kept_is_in_human_terms(tmp_path, movement):
    path = tmp_path / "shown.npz"
    save_shown(path, [movement])
    assert bind_shown(load_shown(path)[0], load_model("kagami")).name == "flap"
    with np.load(path) as content:
        parts = {key.split("/")[-1] for key in content.files}
    assert parts == {"header", "times", "limbs", "torso", "head"}


def test_a_damaged_file_is_refused_and_the_last_good_one_serves(tmp_path, movement):
    path = tmp_path / "shown.npz"
    save_shown(path, [movement])
    save_shown(path, [movement, replace(movement, name="second")])
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(RepertoireError, match=r"shown\.npz is no usable file"):
        load_shown(path)
    assert [one.name for one in load_shown_or_last(path)] == ["flap"]
    # Saving over the damaged file does not lose the good one beside it.
    save_shown(path, [movement])
    assert [one.name for one in load_shown(path.with_name("shown.previous.npz"))] == ["flap"]


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path, movement, monkeypatch):
    path = tmp_path / "shown.npz"
    save_shown(path, [movement])
    before = path.read_bytes()
    monkeypatch.setattr(np, "savez_compressed", lambda *a, **k: (_ for _ in ()).throw(OSError()))
    with pytest.raises(OSError):
        save_shown(path, [replace(movement, name="other")])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["shown.npz"]


@pytest.mark.parametrize("name", ["Wave", "two words", "", "9lives"])
def test_a_bad_name_is_refused(movement, name):
    with pytest.raises(RepertoireError, match="no name"):
        replace(movement, name=name)


def test_the_command_line_renames_exports_imports_and_forgets(tmp_path, movement, capsys):
    path, away = tmp_path / "own.npz", tmp_path / "away.npz"
    save_shown(path, [movement])
    own = ["--file", str(path)]
    assert main(["repertoire", "list", *own]) == 0
    listed = capsys.readouterr().out
    assert "flap" in listed and "wave_left" in listed
    assert main(["repertoire", "rename", "flap", "flutter", *own]) == 0
    assert main(["repertoire", "export", str(away), *own]) == 0
    assert main(["repertoire", "forget", "flutter", *own]) == 0
    assert load_shown(path) == ()
    assert main(["repertoire", "import", str(away), *own]) == 0
    assert [one.name for one in load_shown(path)] == ["flutter"]
    assert main(["repertoire", "forget", "flattr", *own]) == 2
    assert "flutter" in capsys.readouterr().err


def test_a_damaged_import_changes_nothing(tmp_path, movement, capsys):
    path, away = tmp_path / "own.npz", tmp_path / "away.npz"
    save_shown(path, [movement])
    away.write_bytes(b"no archive")
    before = path.read_bytes()
    assert main(["repertoire", "import", str(away), "--file", str(path)]) == 2
    assert "away.npz" in capsys.readouterr().err
    assert path.read_bytes() == before
