# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Tests of the demo: its lines, its figures, its pictures, and a short real run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mirror_robot.body.model import load_model
from mirror_robot.demo.clips import SAMPLES, Clip, open_clip
from mirror_robot.demo.recording import Recording, Run, rate, response_times
from mirror_robot.demo.robot_pictures import CannotDraw, robot_pictures
from mirror_robot.demo.story import Story, understanding_at
from mirror_robot.demo.summary import arm_elevations, as_text, best_lag, correlation, summarise
from mirror_robot.demo.video import SIZE, Layout, shown_units
from mirror_robot.human.landmarks import POSE, POSE_INDEX
from mirror_robot.human.observation import BodyObservation

ROOT = Path(__file__).resolve().parent.parent
CLIP = Clip("made up", Path("none.mp4"), 25.0, 100)
BEGIN = 1000.0


@pytest.fixture(scope="module")
def kagami():
    return load_model("kagami")


def body_with_arms(stamp: float, left: float, right: float) -> BodyObservation:
    """Return a person whose upper arms have the elevations `left` and `right` [rad]."""
    landmarks = np.zeros((len(POSE), 3))
    for side, elevation, out in (("left", left, 1.0), ("right", right, -1.0)):
        shoulder = np.array([0.0, 0.2 * out, 0.5])
        landmarks[POSE_INDEX[f"{side}_shoulder"]] = shoulder
        landmarks[POSE_INDEX[f"{side}_elbow"]] = shoulder + 0.3 * np.array(
            [0.0, out * np.cos(elevation), np.sin(elevation)])
    return BodyObservation(stamp, "one", landmarks, np.ones(len(POSE)))


def imitation(lag: float = 0.0, mirror_image: bool = True) -> Recording:
    """Return a run in which the robot raises its arms as the person does, `lag` [s] later."""
    recording = Recording()

    def elevations(time: float) -> tuple[float, float]:
        return -0.5 + 0.8 * np.sin(2 * time), -0.5 + 0.8 * np.sin(1.3 * time + 1)

    for time in BEGIN + np.arange(0, 4, 0.04):
        body = body_with_arms(time, *elevations(time))
        recording.tracks["body"].add(time + 0.05, time, body)
        recording.tracks["command"].add(time + 0.1, time, ("following", {"left_elbow": -1.0}))
    for time in BEGIN + np.arange(0, 4.2, 0.01):
        left, right = elevations(time - lag)
        if mirror_image:
            left, right = right, left
        # With all else at 0 the roll of the shoulder is the elevation above hanging.
        recording.tracks["joints"].add(time, time, {
            "left_shoulder_roll": left + np.pi / 2, "right_shoulder_roll": -right - np.pi / 2})
    return recording


def test_an_arm_that_follows_is_in_step(kagami):
    for mirror_image in (True, False):
        recording = imitation(mirror_image=mirror_image)
        for _, person, robot in arm_elevations(recording, kagami, mirror_image).values():
            assert correlation(person, robot) > 0.99
            np.testing.assert_allclose(person, robot, atol=0.05)


def test_lag_counts_against_the_robot(kagami):
    in_time, late = (
        arm_elevations(imitation(lag), kagami, True)["left"] for lag in (0.0, 0.5))
    assert correlation(*late[1:]) < 0.8 < correlation(*in_time[1:])
    assert best_lag(*in_time) == pytest.approx(0.0, abs=0.04)
    assert best_lag(*late) == pytest.approx(0.5, abs=0.06)


def test_an_arm_that_hangs_still_has_no_correlation():
    assert np.isnan(correlation(np.full(100, -1.5), np.linspace(-1.5, -1.4, 100)))
    assert np.isnan(correlation(np.zeros(3), np.zeros(3)))


def test_an_arm_that_was_never_seen_has_no_lag():
    nothing = np.empty(0)
    assert np.isnan(best_lag(nothing, nothing, nothing))


def test_latency_is_that_of_the_first_command_after_an_image():
    recording = imitation()
    recording.tracks["command"].add(BEGIN + 3.0, BEGIN + 2.999, ("resting", {}))
    recording.tracks["command"].add(BEGIN + 3.5, BEGIN, ("following", {}))
    delays = response_times(recording)
    assert len(delays) == 100
    np.testing.assert_allclose(delays, 0.1, atol=1e-4)
    assert rate(recording.tracks["body"]) == pytest.approx(25.0)


def understood(recording: Recording, time: float, unit: str, probability: float = 0.9) -> None:
    tracks = recording.tracks
    tracks["body"].add(time, time, body_with_arms(time, 0, 0))
    tracks["seen"].add(time, time, ("body_one", {"wave": 0.02, "rest": 0.05, unit: probability}))
    tracks["affect"].add(time, time, (0.6, 0.3, 0.1))
    tracks["intention"].add(time, time, "greet")
    tracks["intentions"].add(time, time, {"greet": 0.7})


def test_a_line_is_told_once_when_the_understanding_changes():
    recording, story, lines = Recording(), Story(BEGIN), []
    for step in range(100):
        time = BEGIN + 0.05 * step
        # A flicker of one message is no change.
        unit = "clap" if step == 20 else "wave" if step < 60 else "bow"
        understood(recording, time, unit)
        if line := story.line(recording, time):
            lines.append(line)
    assert len(lines) == 2
    assert "body_one" in lines[0] and "wave 90 %" in lines[0] and "greet 70 %" in lines[0]
    assert "bow 90 %" in lines[1] and lines[1].startswith("   3.0 s")


def test_what_arrives_later_is_not_understood_earlier():
    recording = Recording()
    recording.tracks["narration"].add(BEGIN + 1.0, BEGIN, "A person waves.")
    assert understanding_at(recording, BEGIN + 0.9).sentence == ""
    assert understanding_at(recording, BEGIN + 1.1).sentence == "A person waves."


def test_rest_and_the_unknown_are_no_actions():
    recording = Recording()
    understood(recording, BEGIN, "rest", 0.95)
    assert understanding_at(recording, BEGIN).action == ""
    understood(recording, BEGIN + 0.1, "unknown_body", 0.95)
    assert understanding_at(recording, BEGIN + 0.1).action == ""
    assert shown_units(recording) == ["wave"]


def test_the_figures_name_what_was_done_and_where_the_robot_stood_at_its_limits(kagami):
    recording = imitation()
    for step in range(50):
        understood(recording, BEGIN + 4 + 0.04 * step, "wave")
    recording.status["actuation_node"] = {
        "limits_hit": "left_elbow 12, jaw 3", "dropped_stale": "4", "dropped_jump": "0"}
    recording.statuses.append((BEGIN, "actuation_node", 1, "stopping: told to move"))
    summary = summarise(Run(CLIP, recording, BEGIN), kagami, True)
    assert summary.actions == {"wave": pytest.approx(49 * 0.04, abs=1e-3)}
    assert summary.limits_hit == {"left_elbow": 12, "jaw": 3} and summary.dropped == {"stale": 4}
    text = as_text([summary])
    assert "wave 2.0 s" in text and "100 / 100 ms" in text and "told to move" in text


def test_an_empty_run_gives_figures_without_failing(kagami):
    summary = summarise(Run(CLIP, Recording(), BEGIN), kagami, True)
    assert summary.seen == 0 and np.isnan(summary.latency[0])
    assert "none" in as_text([summary])


def test_the_bars_grow_with_the_activation():
    recording = Recording()
    layout = Layout(CLIP, ["wave"], "robot")
    blank = np.zeros((48, 64, 3), np.uint8)
    robot = np.zeros((462, 616, 3), np.uint8)
    lit = []
    for probability in (0.1, 0.5, 0.9):
        recording = Recording()
        understood(recording, BEGIN, "wave", probability)
        picture = layout.compose(1.0, blank, None, robot, None,
                                 understanding_at(recording, BEGIN), [(0.6, 0.3)])
        assert picture.shape == (SIZE[1], SIZE[0], 3)
        lit.append(int((picture[566:582, 180:424] == (64, 200, 190)).all(axis=2).sum()))
    assert lit[0] < 0.3 * lit[1] < 0.3 * lit[2]


def test_pictures_of_the_robot_come_in_the_order_of_its_poses():
    poses = [{"left_shoulder_roll": angle} for angle in (0.0, 1.5, 0.0, 1.5)]
    pictures = [body.astype(int) for body, _ in robot_pictures("kagami", poses, (160, 120), 32)]
    assert pictures[0].shape == (120, 160, 3)
    np.testing.assert_array_equal(pictures[0], pictures[2])
    np.testing.assert_array_equal(pictures[1], pictures[3])
    assert np.abs(pictures[0] - pictures[1]).max() > 50


def test_a_machine_that_cannot_draw_says_so():
    with pytest.raises(CannotDraw, match="no robot 'kagamy'"):
        next(robot_pictures("kagamy", [{}], (160, 120), 32))


def test_a_clip_is_cut_to_the_duration_asked_for():
    whole = open_clip("single_face")
    assert whole.path.name == SAMPLES["single_face"]
    assert open_clip("single_face", 1.0).frames == round(whole.rate)
    assert open_clip("single_face", 1000.0).frames == whole.frames
    with pytest.raises(ValueError, match="must be positive"):
        open_clip("single_face", 0.0)


def test_a_short_demo_runs_through_the_whole_loop_and_leaves_a_video(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mirror_robot.console", "demo", "--clip", "dancer",
         "--duration", "3", "--output", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "summary.json").read_text())[0]
    assert figures["seen"] >= 10
    assert figures["latency"][0] is not None  # the robot was commanded because of an image
    assert "following" in done.stdout
    video = cv2.VideoCapture(str(tmp_path / "demo.mp4"))
    frames = []
    while (found := video.read())[0]:
        frames.append(found[1])
    video.release()
    assert len(frames) == 75 and frames[0].shape == (720, 1280, 3)
    assert str(tmp_path / "demo.mp4") in done.stdout
    robot = np.array([frame[200:500, 660:1060] for frame in frames[::10]], int)
    assert np.abs(np.diff(robot, axis=0)).max() > 60  # it moves
