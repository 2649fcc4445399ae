# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Attack the actuation with adversarial target streams, and measure what its loop costs.

    python benchmarks/actuation_adversarial.py [--streams 100000]

A stream is one joint with limits of its own that is driven for 40 periods by one of nine kinds of
target, from the state in which the stream before left it. Exit code 1 if any limit was broken.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from mirror_robot.actuation.actuator import Actuator, Settings
from mirror_robot.actuation.clearance import Clearance
from mirror_robot.actuation.limits import JointLimits
from mirror_robot.actuation.safety import State
from mirror_robot.actuation.shaping import Shaper
from mirror_robot.actuation.targets import InputGate, Refusal, TargetEstimator, Targets
from mirror_robot.body.model import load_model

PERIOD, LENGTH, JOINTS = 0.01, 40, 500
KINDS = ("noise over the range", "NaN and infinities", "jumps", "reversals", "frozen",
         "late and early", "time backwards", "bursts at 1 kHz", "silence")


def random_limits(count: int, rng: np.random.Generator) -> JointLimits:
    """Return limits from those of a torso to those of an eyelid."""
    return JointLimits(
        tuple(f"joint_{i}" for i in range(count)), -rng.uniform(0.1, 2.5, count),
        rng.uniform(0.1, 2.5, count), rng.uniform(0.5, 12.0, count),
        rng.uniform(2.0, 400.0, count), np.exp(rng.uniform(4.0, 9.6, count)))


class Worst:
    """The largest ratio of what was sent to each limit, over all streams."""

    def __init__(self, limits: JointLimits, start: np.ndarray) -> None:
        self._limits, self._start = limits, start
        self.ratios: dict[str, float] = {}
        self.violations = 0

    def see(self, states: np.ndarray) -> None:
        """Take in consecutive states (t, 3, n): as integrated, and as differences of positions."""
        limits = self._limits
        p, v, a = states.transpose(1, 0, 2)
        span = limits.upper - limits.lower
        beyond = np.maximum(p - np.maximum(limits.upper, self._start),
                            np.minimum(limits.lower, self._start) - p)
        differences = [np.diff(p, n=n, axis=0) / PERIOD**n for n in (1, 2, 3)]
        # Rounding of positions, divided by the cube of the period.
        differences[2] = np.maximum(np.abs(differences[2]) - 1e-8, 0.0)
        for name, values, limit in (
            ("position", 1.0 + beyond / span, 1.0),
            ("velocity", v, limits.velocity), ("acceleration", a, limits.acceleration),
            ("jerk", np.diff(a, axis=0) / PERIOD, limits.jerk),
            ("velocity by differences", differences[0], limits.velocity),
            ("acceleration by differences", differences[1], limits.acceleration),
            ("jerk by differences", differences[2], limits.jerk),
        ):
            ratio = np.abs(values) / limit
            self.violations += int((ratio > 1.0 + 1e-6).any(axis=0).sum())
            self.ratios[name] = max(self.ratios.get(name, 0.0), float(ratio.max()))


def attack(streams: int, seed: int = 0) -> tuple[Worst, dict[str, float]]:
    """Drive gate, estimator and shaper with `streams` streams; return the worst, and counts."""
    rng = np.random.default_rng(seed)
    limits = random_limits(JOINTS, rng)
    names = list(limits.names)
    gate = InputGate(names, limits.lower, limits.upper)
    estimator, shaper = TargetEstimator(JOINTS, jump=10.0), Shaper(limits, PERIOD)
    start = rng.uniform(1.05 * limits.lower, 1.05 * limits.upper)
    shaper.start(start, rng.normal(0.0, 6.0, JOINTS))
    worst = Worst(limits, start)
    counts = {"refused messages": 0, "guarded steps": 0, "planner failures": 0}

    def state() -> np.ndarray:
        motion = shaper.motion
        return np.stack([motion.position, motion.velocity, motion.acceleration])

    tail = [state()]
    now, done, slowest = 100.0, 0, 0.0
    while done < streams:
        kind = rng.integers(len(KINDS), size=JOINTS)
        states, scale = tail[-4:], rng.uniform(0.02, 1.0)
        frozen = rng.uniform(limits.lower, limits.upper)
        for tick in range(LENGTH):
            now += PERIOD
            for burst in range(10):
                wanted = rng.uniform(limits.lower - 0.9, limits.upper + 0.9)
                corner = np.where((tick // 5) % 2, limits.lower, limits.upper)
                positions = np.select(
                    [kind == 2, kind == 3, kind == 4], [np.where(tick < 20, frozen, corner),
                                                        corner, frozen], wanted)
                stamp = now - 0.009 + 0.001 * burst
                # What the gate drops as a whole must not save the others: each kind by itself.
                who = kind == 7
                if burst == 9:
                    who |= kind < 5
                    bad = np.where(rng.random(JOINTS) < 0.5, np.nan, np.inf)
                    for broken, values, when in (
                        (kind == 1, bad, stamp), (kind == 5, wanted, now - rng.normal(0.0, 2.0)),
                        (kind == 6, wanted, now - 5.0 * tick),
                    ):
                        chosen = np.flatnonzero(broken)
                        outcome = gate.admit([names[i] for i in chosen], values[chosen], when, now)
                        counts["refused messages"] += isinstance(outcome, Refusal)
                        if not isinstance(outcome, Refusal):
                            estimator.add(outcome, now)
                    gate.forget()
                chosen = np.flatnonzero(who & (kind != 1))
                outcome = gate.admit([names[i] for i in chosen], positions[chosen], stamp, now)
                if not isinstance(outcome, Refusal):
                    estimator.add(outcome, now)
            p, v, a = estimator.at(now)
            silent = now - estimator.heard > 0.1
            # Beyond what the gate would let pass: the shaper must hold by itself as well.
            raw = (kind == 1) & (rng.random(JOINTS) < 0.5)
            p = np.where(silent, np.nan, np.where(raw, rng.normal(0.0, 1e3, JOINTS), p))
            v = np.where(raw, rng.choice([np.nan, np.inf, -1e9], JOINTS), v)
            shaper.step(p, v, a, scale)
            counts["guarded steps"] += int(shaper.guarded.sum())
            states.append(state())
        worst.see(np.array(states))
        tail = states
        done += JOINTS
        if done % (JOINTS * 20) == 0:
            # To standstill from wherever this left the joints.
            allowed = (limits.velocity / limits.acceleration
                       + 2.0 * limits.acceleration / limits.jerk
                       + np.sqrt(4.0 * limits.velocity / limits.jerk))
            moved, stopping = np.zeros(JOINTS), [*tail[-4:]]
            for tick in range(int(np.ceil(allowed.max() / PERIOD)) + 2):
                now += PERIOD
                shaper.step(np.full(JOINTS, np.nan))
                stopping.append(state())
                moved = np.where(shaper.motion.velocity != 0.0, (tick + 1) * PERIOD, moved)
            worst.see(np.array(stopping))
            tail = stopping
            slowest = max(slowest, float((moved / (allowed + PERIOD)).max()))
            worst.violations += int((moved > allowed + PERIOD).sum())
    counts["planner failures"] = shaper.failures
    return worst, {**counts, "standstill, worst part of the time the limits allow": slowest}


def attack_robot(streams: int, seed: int = 0) -> tuple[Worst, dict[str, float]]:
    """Drive the whole actuation of the built-in robot, which keeps its arms clear of itself.

    As `attack`, but gate, estimator, shaper and `Clearance` are those of an `Actuator`, messages
    come whole (a stream is again one joint for 40 periods), and each kind lasts that long.
    """
    rng = np.random.default_rng(seed)
    model = load_model("kagami")
    limits, clearance = JointLimits.from_model(model), Clearance(model, PERIOD)
    count, names = len(limits), list(limits.names)
    actuator = Actuator(limits, model.rest, Settings(blend_time=0.0, target_jump=10.0),
                        clearance=clearance)
    actuator.receive_joint_states(names, model.rest.tolist())
    actuator.tick(100.0, 100.0)
    actuator.enable(100.0)
    worst, least, now = Worst(limits, model.rest), np.inf, 100.0

    def state() -> np.ndarray:
        motion = actuator.shaper.motion
        return np.stack([motion.position, motion.velocity, motion.acceleration])

    tail = [state()]
    for _ in range(0, streams, count):
        kind = KINDS[rng.integers(len(KINDS))]
        states, low, span = tail[-4:], limits.lower - 0.5, limits.upper - limits.lower + 1.0
        frozen = low + span * rng.random(count)
        actuator.speed_scale = rng.uniform(0.02, 1.0)
        for tick in range(LENGTH):
            now += PERIOD
            for burst in range(10 if kind == "bursts at 1 kHz" else kind != "silence"):
                wanted, stamp = low + span * rng.random(count), now - 0.009 + 0.001 * burst
                corner = limits.lower if (tick // 5) % 2 else limits.upper
                if kind == "NaN and infinities":
                    wanted[rng.random(count) < 0.5] = rng.choice([np.nan, np.inf, -1e9])
                elif kind in ("jumps", "frozen"):
                    wanted = frozen if kind == "frozen" or tick < 20 else corner
                elif kind == "reversals":
                    wanted = corner
                elif kind in ("late and early", "time backwards"):
                    stamp -= rng.normal(0.0, 2.0) if kind == "late and early" else 5.0 * tick
                actuator.receive_targets("posture", names, wanted.tolist(), stamp, now, now)
            actuator.receive_joint_states(names, tail[-1][0].tolist())
            actuator.tick(now, now)
            tail = [*tail[-3:], state()]
            states.append(tail[-1])
        worst.see(np.array(states))
        least = min(least, *(clearance.of_posture(row[0]) for row in states[::4]))
    return worst, {"braked": clearance.braked, "detours": clearance.detours,
                   "dropped": sum(actuator.drops.values()),
                   "state at the end is following": actuator.state is State.FOLLOWING,
                   "least clearance [m]": least}


def loop_cost(count: int, ticks: int = 3000) -> np.ndarray:
    """Return the CPU time [s] of each period of the whole actuation with `count` joints."""
    rng = np.random.default_rng(1)
    limits = JointLimits(
        tuple(f"joint_{i}" for i in range(count)), np.full(count, -2.0), np.full(count, 2.0),
        np.full(count, 7.0), np.full(count, 25.0), np.full(count, 300.0))
    names, phase = list(limits.names), rng.uniform(0.0, 6.3, count)
    actuator = Actuator(limits, np.zeros(count), Settings())
    actuator.receive_joint_states(names, [0.0] * count)
    actuator.enable(0.0)
    costs = np.empty(ticks)
    for tick in range(ticks):
        now = PERIOD * (tick + 1)
        measured = actuator.shaper.motion.position.tolist()
        wanted = (0.5 * np.sin(4.0 * now + phase) + 0.005 * rng.standard_normal(count)).tolist()
        begin = time.thread_time()
        actuator.receive_joint_states(names, measured)
        if tick % 4 == 0:
            actuator.receive_targets("posture", names, wanted, now - 0.05, now, now)
        actuator.tick(now, now)
        costs[tick] = time.thread_time() - begin
    return costs[100:]


def robot_cost(crossing: bool, ticks: int = 2000) -> np.ndarray:
    """Return the CPU time [s] of each period with the built-in robot, its arms kept clear.

    Parameters
    ----------
    crossing : bool
        Whether the hands swing before face and chest, into each other's way.
    ticks : int
    """
    model = load_model("kagami")
    limits, names = JointLimits.from_model(model), list(model.joint_names)
    actuator = Actuator(limits, model.rest, Settings(blend_time=0.0),
                        clearance=Clearance(model, PERIOD))
    actuator.receive_joint_states(names, model.rest.tolist())
    actuator.enable(0.0)
    rng, costs = np.random.default_rng(1), np.empty(ticks)
    phase, wide = rng.uniform(0.0, 6.3, len(names)), 0.8 if crossing else 0.3
    middle = model.rest.copy()
    for side in ("left", "right"):
        roll = model.index[f"{side}_shoulder_roll"]
        if crossing:
            middle[model.index[f"{side}_shoulder_pitch"]] = -1.2
            middle[model.index[f"{side}_elbow"]] = -1.4
        else:  # sideways, whichever way that is
            middle[roll] = 0.5 * max(limits.lower[roll], limits.upper[roll], key=abs)
    for tick in range(ticks):
        now = PERIOD * (tick + 1)
        measured = actuator.shaper.motion.position.tolist()
        wanted = (middle + wide * np.sin(4.0 * now + phase)).tolist()
        begin = time.thread_time()
        actuator.receive_joint_states(names, measured)
        if tick % 4 == 0:
            actuator.receive_targets("posture", names, wanted, now - 0.05, now, now)
        actuator.tick(now, now)
        costs[tick] = time.thread_time() - begin
    return costs[100:]


FREQUENCIES = (0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
"""Of the sines that are followed [Hz]; people wave at 1 to 2.5."""


def following(
    frequency: float, delay: float, acceleration: float, jerk: float, rate: float = 25.0,
) -> tuple[float, float, float, float]:
    """Return how a joint follows a sine that its limits allow, as gate and estimator pass it on.

    Parameters
    ----------
    frequency : float
        [Hz]
    delay : float
        Age of each sample when it arrives [s].
    acceleration, jerk : float
        Limits of the joint [rad/s^2], [rad/s^3]; the sine takes 70 % of them, 0.5 rad at most.
    rate : float
        Samples in a second [Hz].

    Returns
    -------
    amplitude : float
        Of the sine [rad].
    gain : float
        Amplitude of the joint at this frequency, relative to that of the sine.
    overshoot : float
        How far the joint goes beyond the sine's turning points, relative to its amplitude.
    lag : float
        Delay at this frequency [s].
    """
    omega = 2.0 * np.pi * frequency
    amplitude = min(0.5, 0.7 * acceleration / omega**2, 0.7 * jerk / omega**3)
    limits = JointLimits(("joint",), *(np.array([value]) for value in (
        -2.0, 2.0, 7.0, acceleration, jerk)))
    estimator, shaper = TargetEstimator(1), Shaper(limits, PERIOD)
    shaper.start(np.zeros(1))
    # A whole number of periods of all the frequencies, after the beginning has faded.
    times = PERIOD * np.arange(round(12.0 / PERIOD))
    late = times >= 4.0
    wanted, moved = amplitude * np.sin(omega * times), np.zeros(len(times))
    behind, every = round(delay / PERIOD), round(1.0 / (rate * PERIOD))
    for tick in range(behind, len(times)):
        if tick % every == 0:
            seen = tick - behind
            estimator.add(Targets(times[seen], np.zeros(1, int), wanted[seen:seen + 1]),
                          times[tick])
        known = np.isfinite(estimator.heard)
        # The command that is sent now is to be reached when the next one is sent.
        p, v, a = estimator.at(times[tick] + 0.02)
        moved[tick] = shaper.step(np.where(known, p, np.nan), v, a).position[0]
    response = 2j * np.mean((moved * np.exp(-1j * omega * times))[late]) / amplitude
    return (amplitude, float(abs(response)), float(np.abs(moved[late]).max() / amplitude - 1.0),
            float(-np.angle(response) / omega % (1.0 / frequency)))


def main() -> int:
    """Run and print all; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", type=int, default=100_000, help="number of streams")
    parser.add_argument("--clear", type=int, default=10_000,
                        help="number of further streams to the built-in robot, kept clear")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    given = parser.parse_args()
    begin = time.monotonic()
    worst, counts = attack(given.streams, given.seed)
    print(f"{given.streams} streams of {LENGTH} periods, {JOINTS} at a time, seed {given.seed}, "
          f"in {time.monotonic() - begin:.0f} s: {worst.violations} violations")
    for name, ratio in worst.ratios.items():
        print(f"  largest {name} relative to its limit: {ratio:.9f}")
    for name, count in counts.items():
        print(f"  {name}: {count:.4g}")
    begin = time.monotonic()
    kept, counts = attack_robot(given.clear, given.seed)
    print(f"{given.clear} streams to the robot with its arms kept clear, in "
          f"{time.monotonic() - begin:.0f} s: {kept.violations} violations")
    for name, ratio in kept.ratios.items():
        print(f"  largest {name} relative to its limit: {ratio:.9f}")
    for name, count in counts.items():
        print(f"  {name}: {count:.4g}")
    for moves in ("in the open", "before the face"):
        p50, p99 = np.percentile(robot_cost(moves == "before the face"), (50, 99)) * 1e3
        print(f"loop of the built-in robot, arms {moves}, CPU time: p50 {p50:.2f} ms, "
              f"p99 {p99:.2f} ms")
    for count in (20, 60):
        p50, p99 = np.percentile(loop_cost(count), (50, 99)) * 1e3
        print(f"loop with {count} joints, CPU time: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    print("sines seen at 25 Hz, 70 ms late: gain, overshoot, lag")
    for acceleration, jerk in ((40.0, 1500.0), (25.0, 300.0)):
        print(f"  {acceleration:g} rad/s^2, {jerk:g} rad/s^3")
        for frequency in FREQUENCIES:
            amplitude, gain, overshoot, lag = following(frequency, 0.07, acceleration, jerk)
            print(f"    {frequency:4.2f} Hz, {amplitude:.3f} rad: {gain:.2f}, "
                  f"{overshoot:+.0%}, {lag * 1e3:.0f} ms")
    return int(worst.violations + kept.violations > 0)


if __name__ == "__main__":
    sys.exit(main())
