# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The figures of a run: how much was seen, how fast, what was understood, how well imitated."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mirror_robot.body.model import RobotModel
from mirror_robot.demo.recording import Recording, Run, rate, response_times
from mirror_robot.demo.story import firing, spoken
from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.human.posture import SIDES

_VISIBLE = 0.5  # below this MediaPipe guesses
_GAP = 0.5  # [s] without a message: nothing is known of that time
_LEAST_MOVEMENT = np.radians(5.0)  # std; the correlation of an arm that hangs still says nothing


@dataclass(frozen=True)
class Summary:
    """The figures of one clip's run.

    Attributes
    ----------
    clip : str
    frames : int
        Of the clip.
    seen : int
        Frames in which a body or a face was found.
    rate : float
        Frames handled per second [Hz].
    latency : (p50, p95)
        From the acquisition of an image to the first command that answers it [s].
    actions : mapping action -> seconds
        How long each fired most, see `mirror_robot.demo.story.firing`.
    valence : (min, max)
    limits_hit : mapping joint -> times
        How often the target of a joint had to be kept within its limits.
    dropped : mapping reason -> times
        Targets that the actuation node refused.
    stopped : tuple of str
        Why the actuation node stopped the robot by itself, if it did.
    lag : mapping side of the person -> seconds
        At which delay of the robot that correlation is greatest.
    correlation : mapping side of the person -> r
        Of the elevation of the upper arm, person against robot, at the same instants; NaN where
        the arm was not seen or hardly moved.
    """

    clip: str
    frames: int
    seen: int
    rate: float
    latency: tuple[float, float]
    actions: Mapping[str, float]
    valence: tuple[float, float]
    limits_hit: Mapping[str, int]
    dropped: Mapping[str, int]
    stopped: tuple[str, ...]
    correlation: Mapping[str, float]
    lag: Mapping[str, float]


def arm_elevations(
    recording: Recording, model: RobotModel, mirror_image: bool,
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return (times, person, robot) for each side of the person.

    The elevation of the upper arm over the horizontal [rad], -pi/2 hanging. The robot is taken at
    the acquisition time of the person's image: what it lags behind counts against it.
    """
    bodies = [body for _, _, body in recording.tracks["body"]]
    if not bodies:
        return {}
    times = np.array([body.stamp for body in bodies])
    landmarks = np.array([body.landmarks for body in bodies])
    visibility = np.array([body.visibility for body in bodies])
    positions = recording.joint_positions(times, model.joint_names)
    limbs = np.array([model.limb_directions(row) for row in positions])
    # Before the first joint state nothing is known of the robot.
    limbs[~np.isfinite(positions).any(axis=1)] = np.nan
    found = {}
    for row, side in enumerate(SIDES):
        ends = [POSE_INDEX[f"{side}_shoulder"], POSE_INDEX[f"{side}_elbow"]]
        arm = np.diff(landmarks[:, ends], axis=1)[:, 0]
        person = np.arcsin(np.clip(arm[:, 2] / np.linalg.norm(arm, axis=1), -1, 1))
        person[visibility[:, ends].min(axis=1) < _VISIBLE] = np.nan
        robot_row = 3 * (1 - row if mirror_image else row)
        robot = np.arcsin(np.clip(limbs[:, robot_row, 2], -1, 1))
        known = np.isfinite(person) & np.isfinite(robot)
        found[side] = times[known], person[known], robot[known]
    return found


def correlation(person: np.ndarray, robot: np.ndarray) -> float:
    """Return Pearson's r, NaN for fewer than 20 samples or an arm of the person that rested."""
    if len(person) < 20 or np.std(person) < _LEAST_MOVEMENT or np.std(robot) == 0:
        return float("nan")
    return float(np.corrcoef(person, robot)[0, 1])


def best_lag(times: np.ndarray, person: np.ndarray, robot: np.ndarray) -> float:
    """Return the delay [s] of the robot, up to 1 s, at which the two go together best.

    NaN where `correlation` is NaN, as of an arm that was never seen.
    """
    if not np.isfinite(correlation(person, robot)):
        return float("nan")
    lags = np.arange(0.0, 1.01, 0.02)
    found = [correlation(person, np.interp(times + lag, times, robot)) for lag in lags]
    return float(lags[np.argmax(found)]) if np.isfinite(found).all() else float("nan")


def seconds_of_actions(recording: Recording) -> dict[str, float]:
    """Return how long [s] each action fired most for the person; longest first."""
    track = recording.tracks["seen"]
    seconds: defaultdict[str, float] = defaultdict(float)
    for (_, values), begin, end in zip(track.values, track.stamps, track.stamps[1:]):
        action, _ = firing(values)
        if action and 0.0 < end - begin < _GAP:
            seconds[action] += end - begin
    return dict(sorted(seconds.items(), key=lambda one: -one[1]))


def summarise(run: Run, model: RobotModel, mirror_image: bool) -> Summary:
    """Return the figures of one clip's run."""
    clip, recording = run.clip, run.recording
    # Of the time that was to be played: the file may be longer. By index, not by stamp, because
    # body and face of one frame are told separately.
    indices = {round((stamp - run.begin) * clip.rate) for name in ("body", "face")
               for stamp in recording.tracks[name].stamps}
    seen = [index for index in indices if 0 <= index < clip.frames]
    pace = max((rate(recording.tracks[name]) for name in ("body", "face")
                if len(recording.tracks[name]) > 1), default=float("nan"))
    delays = response_times(recording)
    latency = tuple(np.percentile(delays, (50, 95))) if len(delays) else (np.nan, np.nan)
    valences = [value[0] for _, _, value in recording.tracks["affect"]] or [float("nan")]
    actuation = recording.status.get("actuation_node", {})
    hits = re.findall(r"(\w+) (\d+)", actuation.get("limits_hit", ""))
    arms = arm_elevations(recording, model, mirror_image)
    return Summary(
        clip=clip.name, frames=clip.frames, seen=len(seen), rate=pace,
        latency=(float(latency[0]), float(latency[1])),
        actions=seconds_of_actions(recording),
        valence=(float(np.min(valences)), float(np.max(valences))),
        limits_hit={joint: int(count) for joint, count in hits},
        dropped={key.removeprefix("dropped_"): int(count) for key, count in actuation.items()
                 if key.startswith("dropped_") and count != "0"},
        stopped=tuple(message for _, node, level, message in recording.statuses
                      if node == "actuation_node" and level and message.startswith("stopping")),
        correlation={side: correlation(person, robot)
                     for side, (_, person, robot) in arms.items()},
        lag={side: best_lag(*series) for side, series in arms.items()})


def as_text(summaries: list[Summary]) -> str:
    """Return the summaries as a table for people."""
    rows = [("clip", "frames", "seen", "rate", "stamp->command p50/p95", "valence",
             "limits hit", "dropped", "arm in step (left/right)")]
    for item in summaries:
        rows.append((
            item.clip, str(item.frames), str(item.seen), f"{item.rate:.1f}/s",
            f"{1e3 * item.latency[0]:.0f} / {1e3 * item.latency[1]:.0f} ms",
            f"{item.valence[0]:+.2f} .. {item.valence[1]:+.2f}",
            f"{len(item.limits_hit)} joints", str(sum(item.dropped.values())),
            " / ".join("-" if np.isnan(value) else
                       f"r = {value:.2f}, {1e3 * item.lag[side]:.0f} ms late"
                       for side, value in item.correlation.items()) or "-"))
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
             for row in rows]
    lines.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
    for item in summaries:
        seen = ", ".join(f"{spoken(name)} {seconds:.1f} s"
                         for name, seconds in item.actions.items())
        lines.append(f"actions seen in {item.clip}: {seen or 'none'}")
        if item.dropped:
            lines.append(f"targets refused in {item.clip}: " + ", ".join(
                f"{reason} {count}" for reason, count in item.dropped.items()))
        lines += [f"the robot stopped itself in {item.clip}: {why}" for why in item.stopped]
    return "\n".join(lines)
