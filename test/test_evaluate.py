# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""`mirror_robot evaluate`: figures, files and refusals, on skeletons made here."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

from mirror_robot.body.model import load_model
from mirror_robot.console import evaluate
from mirror_robot.mirror import evaluation
from mirror_robot.mirror.evaluation import Told, accuracy, positions_of_npz

RIGHT, UP, AWAY = np.eye(3)
"""Axes of a Kinect skeleton: the person's right, up, away from the camera [m]."""


def skeleton(left_forearm, right_forearm):
    """Return the joints of a person whose upper arms hang and whose forearms point so."""
    joints = {"pelvis": 0 * UP, "neck": 0.55 * UP}
    for side, sign, forearm in (("left", -1, left_forearm), ("right", 1, right_forearm)):
        shoulder = 0.5 * UP + sign * 0.2 * RIGHT
        elbow = shoulder - 0.28 * UP
        wrist = elbow + 0.25 * forearm / np.linalg.norm(forearm)
        joints |= {f"{side}_hip": sign * 0.1 * RIGHT, f"{side}_shoulder": shoulder,
                   f"{side}_elbow": elbow, f"{side}_wrist": wrist,
                   f"{side}_hand": wrist + 0.3 * (wrist - elbow)}
    return joints


def lift(which, length, size):
    """Return the frames of somebody who lifts the left, the right or both forearms and back."""
    for share in size * np.sin(np.pi * np.linspace(0, 1, length)) ** 2:
        raised = (1 - share) * -UP + share * (0.6 * UP - 0.8 * AWAY)
        yield skeleton(raised if which != "right" else -UP, raised if which != "left" else -UP)


def recordings(path, people, actions=("left", "right", "both")):
    random, frames, offsets, action, subject = np.random.default_rng(0), [], [0], [], []
    for person in people:
        for number, name in enumerate(actions):
            for _ in range(2):
                some = list(lift(name, random.integers(24, 34), random.uniform(0.85, 1.1)))
                frames += [np.array(list(one.values())) for one in some]
                offsets.append(len(frames))
                action.append(number)
                subject.append(person)
    frames = np.array(frames) + 0.003 * random.standard_normal((len(frames), 12, 3))
    np.savez(path, frames=np.concatenate([frames, np.ones((*frames.shape[:2], 1))], axis=2),
             offsets=offsets, action=action, subject=subject, action_names=np.array(actions),
             joint_names=np.array(list(skeleton(UP, UP))))
    return path


def options(data, output):
    return argparse.Namespace(data=data, robot="kagami", output=output, json=False)


def test_recordings_of_other_people_are_recognised_and_the_figures_written(tmp_path, capsys):
    data = recordings(tmp_path / "lifts.npz", people=(1, 2))
    assert evaluate.run(options(data, tmp_path / "out")) == 0
    told = capsys.readouterr().out
    assert "6 recordings learnt from, 6 tested, 3 actions" in told
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert figures["accuracy"][2] >= 5 / 6
    assert np.sum(figures["confusion"]) == 6
    assert all(0 <= error <= 1 for error in figures["ece"])
    assert (tmp_path / "out" / "figures.png").read_bytes().startswith(b"\x89PNG")


def test_work_that_is_shared_among_processes_has_the_same_outcome(tmp_path, monkeypatch):
    data, model = recordings(tmp_path / "lifts.npz", people=(1, 2)), load_model("kagami")
    alone, done = positions_of_npz(data, model), []
    monkeypatch.setattr(evaluation, "_LONG", 0)
    monkeypatch.setattr(evaluation, "_SHARE", 100)
    monkeypatch.setattr(evaluation.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    np.testing.assert_array_equal(positions_of_npz(data, model, done.append), alone)
    assert len(done) >= 3 and done == sorted(done) and done[-1] == 1.0


def test_one_person_alone_is_refused_with_what_is_needed(tmp_path):
    data = recordings(tmp_path / "lifts.npz", people=(1,))
    with pytest.raises(ValueError, match="at least two people"):
        evaluate.run(options(data, tmp_path))


def test_a_folder_without_recordings_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no LABEL"):
        evaluate.run(options(tmp_path, tmp_path))


def test_an_npz_that_lacks_something_is_refused_with_what_it_lacks(tmp_path):
    data = recordings(tmp_path / "lifts.npz", people=(1, 2))
    with np.load(data) as file:
        arrays = dict(file)
    np.savez(data, **{name: value for name, value in arrays.items() if name != "subject"})
    with pytest.raises(ValueError, match="lacks subject"):
        evaluate.run(options(data, tmp_path))
    np.savez(data, **arrays | {"joint_names": np.char.replace(arrays["joint_names"], "hip", "x")})
    with pytest.raises(ValueError, match="lacks left_hip, right_hip"):
        evaluate.run(options(data, tmp_path))


def test_a_file_that_is_no_npz_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no recording")
    with pytest.raises(ValueError, match="neither a folder"):
        evaluate.run(options(tmp_path / "notes.txt", tmp_path))


def test_accuracy_counts_what_is_likeliest_at_each_fraction():
    probability = np.array([[[0.6, 0.4], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]]])
    truth = [argparse.Namespace(label="b"), argparse.Namespace(label="b")]
    right, error, confusion = accuracy(Told(("a", "b"), probability, np.zeros((2, 2))), truth)
    np.testing.assert_allclose(right, [0.0, 1.0])
    np.testing.assert_allclose(error, [0.65, 0.3])
    np.testing.assert_array_equal(confusion, [[0, 0], [0, 2]])
