# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""How early it is known which object a hand reaches for.

    python benchmarks/goals.py [msr_action3d.npz]

Hands of people are real (MSRAction3D, Kinect, 15 Hz): every movement of a hand that sets out and
comes to rest, or turns, at least 0.25 m further. The objects are put there afterwards: one where
the hand came to, to within the size of an object, four where hands of other movements of the same
people came to. Parameters were chosen on odd-numbered people, figures are of even-numbered ones.
Without the data, reaches are made up: minimum-jerk courses that stray, of 0.25 to 0.7 m.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mirror_robot.mirror.goals import NONE, GoalReader

FRACTIONS = (0.2, 0.4, 0.6, 0.8, 1.0)
_FARTHER = 0.15
"""Other objects are at least this far from where the hand goes [m]."""
_OTHERS = 4


def smoothed(points: np.ndarray) -> np.ndarray:
    """Return courses (t, ...) averaged over three frames: Kinect's hands tremble."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3.0


def reaches_of(path: Path, odd: bool, rate: float = 15.0) -> list[np.ndarray]:
    """Return the courses (t, 3) [m] of hands that set out, with the 0.4 s before, by movement."""
    out = []
    with np.load(path, allow_pickle=False) as data:
        names = [str(name) for name in data["joint_names"]]
        frames, offsets = data["frames"], data["offsets"]
        for first, last, person in zip(offsets[:-1], offsets[1:], data["subject"]):
            if bool(person % 2) is not odd:
                continue
            clip = frames[first:last, :, :3].astype(float)
            pelvis = clip[:, names.index("pelvis")]
            for side in ("left", "right"):
                hand = smoothed(clip[:, names.index(f"{side}_hand")] - pelvis)
                # As the person sees it: front, left, up.
                hand = np.stack([-hand[:, 2], -hand[:, 0], hand[:, 1]], axis=1)
                out += [course for course in cut_reaches(hand, rate)]
    return out


def cut_reaches(hand: np.ndarray, rate: float) -> list[np.ndarray]:
    """Return the parts of a hand's course (t, 3) from where it speeds up to where it slows down.

    Cut by looking at the whole, as no recogniser can: from a minimum of speed to the next.
    """
    speed = np.linalg.norm(np.diff(hand, axis=0), axis=1) * rate
    if len(speed) < 6:
        return []
    out, start = [], None
    lead = round(0.4 * rate)
    for frame in range(1, len(speed)):
        if start is None:
            if speed[frame] > 0.3 and speed[frame] > speed[frame - 1]:
                start, peak = frame - 1, speed[frame]
            continue
        peak = max(peak, speed[frame])
        slow = speed[frame] < 0.35 * peak
        if slow and (frame + 1 >= len(speed) or speed[frame + 1] >= speed[frame]
                     or speed[frame] < 0.15):
            course = hand[start:frame + 2]
            seconds = (len(course) - 1) / rate
            if np.linalg.norm(course[-1] - course[0]) >= 0.25 and 0.3 <= seconds <= 2.0:
                before = hand[max(start - lead, 0):start]
                out.append((before, course))
            start = None
    return out


def made_up(count: int, rate: float = 30.0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return reaches as people are known to make them: minimum jerk, curved, not exact."""
    random = np.random.default_rng(0)
    out = []
    for _ in range(count):
        way = random.standard_normal(3)
        way *= random.uniform(0.25, 0.7) / np.linalg.norm(way)
        seconds = (0.45 + 0.7 * np.linalg.norm(way)) * np.exp(0.25 * random.standard_normal())
        u = np.linspace(0, 1, max(round(seconds * rate), 6))[:, None]
        bow = np.cross(way, random.standard_normal(3)) * random.uniform(0, 0.25)
        course = way * (10 * u**3 - 15 * u**4 + 6 * u**5) + bow * (4 * u * (1 - u))**2
        noise = 0.004 * random.standard_normal((len(course) + 12, 3))
        out.append((noise[:12], course + noise[12:]))
    return out


def measure(reaches: list[tuple[np.ndarray, np.ndarray]], rate: float, seed: int = 0) -> None:
    """Print accuracy and calibration against the part of the way seen, and the worth of `none`."""
    random = np.random.default_rng(seed)
    ends = np.array([course[-1] for _, course in reaches])
    right = {name: [[] for _ in FRACTIONS] for name in ("units", "nearest", "straight on")}
    sure, hit, false, missed = [], [], [], []
    for before, course in reaches:
        target = course[-1] + 0.05 * random.standard_normal(3)
        far = np.flatnonzero(np.linalg.norm(ends - target, axis=1) > _FARTHER)
        others = ends[random.choice(far, _OTHERS, replace=False)]
        for there in (True, False):
            places = np.vstack([target[None], others]) if there else others
            names = [f"object_{number}" for number in range(len(places))]
            order = random.permutation(len(places))  # what is undecided is no hit
            reader = GoalReader()
            whole = np.concatenate([before, course])
            told = []
            for frame, place in enumerate(whole):
                hands = np.array([[np.nan] * 3, place])
                told.append(reader.update(frame / rate, hands, [names[n] for n in order],
                                          places[order]))
            told = told[len(before):]
            if not there:
                false.append(bool(told[-1].target(0.5)))
                continue
            missed.append(told[-1].target(0.5) != "object_0")
            for index, fraction in enumerate(FRACTIONS):
                now = max(round(fraction * (len(course) - 1)), 1)
                known = told[now].distribution
                best = max(known, key=lambda name: known[name] if name != NONE else -1.0)
                right["units"][index].append(best == "object_0")
                sure.append(known[best])
                hit.append(best == "object_0")
                right["nearest"][index].append(
                    np.linalg.norm(places - course[now], axis=1).argmin() == 0)
                way = course[now] - course[0]
                about = places - course[0]
                cosine = about @ way / np.linalg.norm(about, axis=1)
                right["straight on"][index].append(cosine.argmax() == 0)
    print(f"{len(reaches)} reaches, {_OTHERS + 1} objects\n\n| way seen | "
          + " | ".join(f"{fraction:.0%}" for fraction in FRACTIONS) + " |\n" + "|---" * 6 + "|")
    for name, label in (("units", "right [%]"), ("nearest", "nearest object [%]"),
                        ("straight on", "direction alone [%]")):
        print(f"| {label} | " + " | ".join(
            f"{100 * np.mean(values):.1f}" for values in right[name]) + " |")
    sure, hit = np.array(sure), np.array(hit)
    bins = np.minimum((10 * sure).astype(int), 9)
    error = sum(abs(sure[bins == b].mean() - hit[bins == b].mean()) * (bins == b).mean()
                for b in range(10) if (bins == b).any())
    print(f"\ncalibration error (ECE) {error:.3f}; the right object named at the end in "
          f"{1 - np.mean(missed):.1%}; with that object taken away some object named all the "
          f"same in {np.mean(false):.1%}")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path("data/msr_action3d.npz"))
    parser.add_argument("--odd", action="store_true", help="the people parameters were chosen on")
    options = parser.parse_args()
    if options.data.is_file():
        measure(reaches_of(options.data, options.odd), 15.0)
    else:
        print(f"{options.data} is not there: reaches are made up")
    print("\nmade up:")
    measure(made_up(300), 30.0)


if __name__ == "__main__":
    main()
