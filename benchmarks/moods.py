# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Blind reading test: the mood in which a unit is performed, told from the body alone.

    python benchmarks/moods.py [--robot kagami] [--trials 6] [--noise 0.02]

Every unit that moves the body is performed in four moods, with the variation that it was learnt
with, another tempo each time, and noise on the joints. Of each performance the means of posture
and effort over time are taken - no face, no name of the unit -, put relative to the same unit in
no mood, and sorted to the nearest centroid. Two figures: a unit is left out in turn (moods are
told on a movement never seen in a mood), and a trial is left out in turn (per unit).

With --felt it tells instead what the robot feels for such a performance while the face is hidden
(`FeltAffect`), against the same unit in no mood.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np

from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.mirror.affect import BodySense, FeltAffect, feeling
from mirror_robot.mirror.manner import Manner, Performer
from mirror_robot.mirror.metaphor import load_metaphors
from mirror_robot.motor.primitive import Trajectory
from mirror_robot.motor.repertoire import Repertoire, load_repertoire

MOODS = ("sad", "joyful", "angry", "afraid")
ASPECTS = ("head_pitch", "torso_pitch", "openness", "raised", "speed", "strong", "sudden",
           "direct", "bound")


def seen(model: RobotModel, trajectory: Trajectory, noise: float, random: np.random.Generator,
         ) -> Iterator[tuple[float, np.ndarray]]:
    """Yield time [s] and positions (n,) of a performance seen at 25 Hz, the face hidden."""
    rows = [model.index[name] for name in trajectory.joint_names]
    for stamp in np.arange(0.0, trajectory.times[-1], 0.04):
        positions = model.rest.copy()
        positions[rows] = [np.interp(stamp, trajectory.times, column)
                           for column in trajectory.positions.T]
        positions[model.body] += noise * random.standard_normal(model.body.sum())
        positions[~model.body] = np.nan
        yield float(stamp), positions


def read(model: RobotModel, trajectory: Trajectory, noise: float, random: np.random.Generator,
         ) -> np.ndarray:
    """Return the features (len(ASPECTS),) of a performance."""
    sense, told = BodySense(model), []
    for stamp, positions in seen(model, trajectory, noise, random):
        body = sense.update(stamp, positions)
        told.append([getattr(body, aspect) for aspect in ASPECTS])
    return np.nanmean(np.array(told)[5:], axis=0)


def felt(model: RobotModel, trajectory: Trajectory, noise: float, random: np.random.Generator,
         ) -> np.ndarray:
    """Return mean valence, arousal and dominance (3,) once a third of it is seen, face hidden."""
    sense, feels, told = BodySense(model), FeltAffect(model.profile.face), []
    for stamp, positions in seen(model, trajectory, noise, random):
        affect = sense.feel(feels, stamp, positions)
        told.append((affect.valence, affect.arousal, affect.dominance))
    return np.mean(told[len(told) // 3:], axis=0)


def limits_hold(model: RobotModel, trajectory: Trajectory) -> bool:
    """Return whether a performance keeps the limits of position, velocity and acceleration."""
    rows = [model.index[name] for name in trajectory.joint_names]
    step = np.diff(trajectory.times)[:, None]
    velocity = np.abs(np.diff(trajectory.positions, axis=0) / step)
    bend = np.abs(np.diff(trajectory.positions, 2, axis=0)) / step[0] ** 2
    body = model.body[rows]
    return bool((trajectory.positions >= model.lower[rows] - 1e-9).all()
                and (trajectory.positions <= model.upper[rows] + 1e-9).all()
                and (velocity <= model.velocity[rows] * 1.001).all()
                and (bend <= model.acceleration[rows] * 1.001)[:, body].all())


def nearest(known: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return the label of the centroid nearest to each row of `asked`.

    Features count in units of their spread within a mood, as in Tibshirani et al. 2002, "Diagnosis
    of multiple cancer types by shrunken centroids" (PNAS 99), eq. 1.
    """
    centroids = np.array([known[labels == label].mean(axis=0) for label in range(len(MOODS))])
    scale = np.sqrt(((known - centroids[labels]) ** 2).mean(axis=0))
    gap = (asked[:, None] - centroids) / (scale + np.median(scale))
    return (gap**2).sum(axis=2).argmin(axis=1)


def print_felt(robot: str, noise: float, seed: int = 0) -> None:
    """Print what is felt for units performed in moods while the face is hidden."""
    model = load_model(robot)
    repertoire, metaphors = load_repertoire(model), load_metaphors()
    performer, random = Performer(repertoire), np.random.default_rng(seed)
    units = _moving(repertoire)
    told = np.array([[felt(model, performer.perform(
        unit, metaphors.manner(feeling(mood, 0.9)), random=random, repetitions=3), noise, random)
        for mood in ("calm", *MOODS)] for unit in units])
    print(f"{robot}, {len(units)} units, face hidden      valence arousal dominance   "
          "less pleasant / more aroused than in no mood [% of units]")
    for label, mood in enumerate(("calm", *MOODS)):
        off = told[:, label] - told[:, 0]
        line = " ".join(f"{value:+7.2f}" for value in told[:, label].mean(axis=0))
        if label:
            line += f"   {100 * (off[:, 0] < 0).mean():20.0f} / {100 * (off[:, 1] > 0).mean():.0f}"
        print(f"  {mood:34s} {line}")


def _moving(repertoire: Repertoire) -> tuple[str, ...]:
    return tuple(unit.name for unit in repertoire
                 if not unit.background and unit.channel != "face")


def performances(robot: str, trials: int, noise: float, units: tuple[str, ...] = (), seed: int = 0,
                 ) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...], int]:
    """Return features, moods and units of all performances, unit names, how many broke limits."""
    model = load_model(robot)
    repertoire, metaphors = load_repertoire(model), load_metaphors()
    performer, random = Performer(repertoire), np.random.default_rng(seed)
    units = units or _moving(repertoire)
    features, moods, of_unit, broken = [], [], [], 0
    for number, unit in enumerate(units):
        def trial(manner: Manner, unit: str = unit) -> tuple[np.ndarray, bool]:
            trajectory = performer.perform(unit, manner, random=random,
                                           repetitions=int(random.integers(2, 5)))
            return read(model, trajectory, noise, random), limits_hold(model, trajectory)

        neutral = np.mean([trial(Manner())[0] for _ in range(2)], axis=0)
        for label, mood in enumerate(MOODS):
            for _ in range(trials):
                manner = metaphors.manner(feeling(mood, random.uniform(0.8, 1.0)))
                shown, kept = trial(manner)
                features.append(shown - neutral)
                moods.append(label)
                of_unit.append(number)
                broken += not kept
    return np.array(features), np.array(moods), np.array(of_unit), units, broken


def main() -> None:
    """Print the share of moods told, per unit and on the whole."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--robot", default="kagami")
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--noise", type=float, default=0.02, help="of the joints [rad]")
    parser.add_argument("--felt", action="store_true", help="what is felt, the face hidden")
    options = parser.parse_args()
    if options.felt:
        print_felt(options.robot, options.noise)
        return
    if options.trials < 3:
        parser.error("the spread within a mood needs at least 3 trials")
    begin = time.monotonic()
    features, moods, of_unit, units, broken = performances(
        options.robot, options.trials, options.noise)
    across = np.zeros(len(moods), bool)
    within = np.zeros(len(moods), bool)
    trial = np.arange(len(moods)) % options.trials
    for number in range(len(units)):
        out = of_unit == number
        across[out] = nearest(features[~out], moods[~out], features[out]) == moods[out]
        for left in range(options.trials):
            asked, known = out & (trial == left), out & (trial != left)
            within[asked] = nearest(features[known], moods[known], features[asked]) == moods[asked]
    print(f"{options.robot}, {len(moods)} performances, joint noise {options.noise} rad, "
          f"{time.monotonic() - begin:.0f} s")
    print(f"{'unit':18s} {'never seen in a mood':>22s} {'other trials of it':>20s}   [% right]")
    for number, unit in enumerate(units):
        out = of_unit == number
        print(f"{unit:18s} {100 * across[out].mean():22.1f} {100 * within[out].mean():20.1f}")
    print(f"{'all':18s} {100 * across.mean():22.1f} {100 * within.mean():20.1f}")
    for label, mood in enumerate(MOODS):
        out = moods == label
        print(f"  {mood:16s} {100 * across[out].mean():22.1f} {100 * within[out].mean():20.1f}   "
              + " ".join(f"{a} {v:+.2f}" for a, v in zip(ASPECTS, features[out].mean(axis=0))))
    print(f"performances beyond a limit: {broken}")


if __name__ == "__main__":
    main()
