# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""One HTML page of what happened: who was seen, what was understood, felt and done, how fast.

Everything is in the page - pictures, charts, style - and nothing is fetched from anywhere.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mirror_robot import __version__
from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.demo.recording import Recording, Run, response_times
from mirror_robot.demo.robot_pictures import CannotDraw, robot_pictures
from mirror_robot.demo.story import (
    Understanding,
    firing,
    meaning,
    spoken,
    understanding_at,
)
from mirror_robot.demo.summary import Summary, arm_elevations, summarise
from mirror_robot.demo.video import draw_landmarks, shown_units
from mirror_robot.mirror.affect import MOODS, feeling
from mirror_robot.mirror.intention import NONE, UNKNOWN
from mirror_robot.reporting.bag import picture_at
from mirror_robot.reporting.charts import Line, Span, curves, histogram, plane, strips, timeline
from mirror_robot.reporting.stored import Session
from mirror_robot.resources import share_file

_MOMENTS = 6
_PICTURE = (360, 270)  # of a person and of the robot [px]
_STEP = 0.1  # [s] at which what is understood is looked at
_SAID = 4.0  # [s] for which a sentence stands beside a moment
_SHORTEST = 0.3  # [s] of a span that is shown

Progress = Callable[[float, float], None]


def write_report(
    path: Path, session: Session, pictures: bool = True,
    progress: Progress = lambda done, of: None,
) -> list[Summary]:
    """Write the page, and return the figures that are in it.

    Parameters
    ----------
    path : Path
        Of the HTML file; its folder is made.
    session : Session
    pictures : bool
        Whether pictures of people and of the robot are in the page.
    progress : callable (done, of)

    Raises
    ------
    ValueError, OSError
        If the robot is not known, or the file cannot be written.
    """
    model = load_model(session.robot)
    summaries = [summarise(run, model, session.mirror_image) for run in session.runs]
    moments = [_moments(run, summary) for run, summary in zip(session.runs, summaries)]
    steps = 2 * sum(map(len, moments)) + 1
    seen, robots, problem = [[b""] * len(times) for times in moments], {}, ""
    if pictures:
        seen = []
        for run, times in zip(session.runs, moments):
            seen.append(_people(run, times, session.pictures.get(run.clip.name)))
            progress(sum(map(len, seen)), steps)
        robots, problem = _robots(session, model, moments, lambda done: progress(
            steps // 2 + done, steps))
    sections = [
        _section(run, summary, model, session, times, shown,
                 [robots.get((number, at), ()) for at in times])
        for number, (run, summary, times, shown) in enumerate(
            zip(session.runs, summaries, moments, seen))]
    page = _page(session, model, summaries, "".join(sections), problem, pictures)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)
    progress(steps, steps)
    return summaries


# What is told of a run


def _spans(times: np.ndarray, names: Sequence[str], weights: Sequence[float]) -> list[Span]:
    """Return the spans in which a name stays the same; empty names are gaps."""
    spans, begin = [], 0
    for row in range(1, len(times) + 1):
        if row == len(times) or names[row] != names[begin]:
            to = times[min(row, len(times) - 1)]
            if names[begin] and to - times[begin] >= _SHORTEST:
                spans.append(Span(float(times[begin]), float(to), names[begin],
                                  float(np.mean(weights[begin:row]))))
            begin = row
    return spans


@dataclass(frozen=True)
class _Course:
    """What was understood over time, looked at every `_STEP` s."""

    times: np.ndarray
    moments: tuple[Understanding, ...]

    def spans(self, name: Callable[[Understanding], str],
              weight: Callable[[Understanding], float] = lambda _: 1.0) -> list[Span]:
        return _spans(self.times, [spoken(name(one)) for one in self.moments],
                      [weight(one) for one in self.moments])


def _course(run: Run) -> _Course:
    times = np.arange(0.0, run.clip.duration, _STEP)
    return _Course(times, tuple(
        understanding_at(run.recording, run.begin + float(t)) for t in times))


def _meant(present: Understanding) -> str:
    return "" if present.intention in (NONE, UNKNOWN) else present.intention


def _moments(run: Run, summary: Summary) -> list[float]:
    """Return the times [s] since the begin that tell most: of every action its clearest instant.

    Then the strongest feelings; in the order of time, at least a twentieth of the whole apart.
    """
    course = _course(run)
    apart = max(0.4, run.clip.duration / 20)
    wanted: list[float] = []

    def take(row: int) -> None:
        at = float(course.times[row])
        if len(wanted) < _MOMENTS and all(abs(at - other) >= apart for other in wanted):
            wanted.append(at)

    shown = np.array([bool(one.person) for one in course.moments])
    if not shown.any():
        return []
    for action in summary.actions:
        share = np.array([one.action_probability if one.action == action else 0.0
                          for one in course.moments])
        # Not the first instant of certainty but the middle of it, when the movement is there.
        best = np.flatnonzero(share >= 0.95 * share.max()) if share.max() > 0 else []
        if len(best):
            take(int(best[len(best) // 2]))
    valence = np.where(shown, [one.valence for one in course.moments], 0.0)
    for row in (int(np.argmin(valence)), int(np.argmax(valence))):
        take(row)
    rows = np.flatnonzero(shown)
    for share in (0.5, 0.1, 0.9, 0.3, 0.7):
        take(int(rows[int(share * (len(rows) - 1))]))
    return sorted(wanted)


def _people(run: Run, times: Sequence[float], pictures: Any) -> list[bytes]:
    """Return a picture (JPEG) of the person at each time, empty where there is none."""
    if pictures is not None:
        found = [picture_at(pictures, run.begin + time) for time in times]
        return [_small(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
                if data else b"" for data in found]
    capture = cv2.VideoCapture(str(run.clip.path))
    shown = []
    try:
        for time_ in times:
            capture.set(cv2.CAP_PROP_POS_FRAMES, int(time_ * run.clip.rate))
            good, image = capture.read()
            if not good:
                shown.append(b"")
                continue
            landmarks = run.recording.tracks["pixels"].stamped_at(run.begin + time_ + 1e-3, 0.3)
            shown.append(_small(image, landmarks))
    finally:
        capture.release()
    return shown


def _small(image: np.ndarray | None, landmarks: np.ndarray | None = None) -> bytes:
    if image is None:
        return b""
    scale = min(_PICTURE[0] / image.shape[1], _PICTURE[1] / image.shape[0])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if landmarks is not None:
        placed = landmarks.copy()
        placed[:, :2] *= image.shape[1::-1]
        picture = np.ascontiguousarray(image[:, :, ::-1])
        draw_landmarks(picture, placed)
        image = picture[:, :, ::-1]
    return _jpeg(image)


def _jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()


def _robots(
    session: Session, model: RobotModel, moments: Sequence[Sequence[float]],
    told: Callable[[int], None],
) -> tuple[dict[tuple[int, float], tuple[bytes, ...]], str]:
    """Return pictures of the robot and its face by (run, time), and why there are none."""
    places, poses = [], []
    for number, (run, times) in enumerate(zip(session.runs, moments)):
        rows = run.recording.joint_positions(
            run.begin + np.array(times, float), model.joint_names)
        for at, row in zip(times, rows):
            if np.isfinite(row).any():
                places.append((number, at))
                poses.append({name: float(value) for name, value in zip(model.joint_names, row)
                              if np.isfinite(value)})
    if not poses:
        return {}, "" if not any(moments) else "joint_states was not recorded"
    drawn: dict[tuple[int, float], tuple[bytes, ...]] = {}
    try:
        for place, (body, face) in zip(places, robot_pictures(
                session.robot, poses, _PICTURE, _PICTURE[1])):
            drawn[place] = tuple(_jpeg(picture[:, :, ::-1]) for picture in (body, face)
                                 if picture is not None)
            told(len(drawn))
    except CannotDraw as error:
        return {}, f"the robot cannot be drawn on this machine: {error}"
    return drawn, ""


# HTML


def _image(data: bytes, text: str) -> str:
    if not data:
        return f'<div class="nothing">{escape(text)}: no picture</div>'
    encoded = base64.b64encode(data).decode("ascii")
    return f'<img alt="{escape(text)}" src="data:image/jpeg;base64,{encoded}">'


def _tile(name: str, value: str, note: str = "") -> str:
    return (f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span>'
            f"<small>{escape(note)}</small></div>")


def _number(value: float, pattern: str = "{:.1f}") -> str:
    return pattern.format(value) if np.isfinite(value) else "-"


def _tiles(summary: Summary) -> str:
    share = summary.seen / max(summary.frames, 1)
    arms = [(side, value) for side, value in summary.correlation.items() if np.isfinite(value)]
    best = max(arms, key=lambda one: one[1], default=None)
    return '<div class="tiles">' + "".join((
        _tile("of the images show somebody", f"{100 * min(share, 1):.0f} %",
              f"{summary.seen} of {summary.frames}"),
        _tile("images a second", _number(summary.rate), "looked at"),
        _tile("image to command", f"{_number(1e3 * summary.latency[0], '{:.0f}')} ms",
              f"p95 {_number(1e3 * summary.latency[1], '{:.0f}')} ms"),
        _tile("valence", f"{_number(summary.valence[0], '{:+.2f}')} to "
              f"{_number(summary.valence[1], '{:+.2f}')}", "least and greatest"),
        _tile("arm in step", f"r = {best[1]:.2f}" if best else "-",
              f"{best[0]}, {1e3 * summary.lag[best[0]]:.0f} ms late" if best else
              "no arm was seen to move"),
        _tile("joints at a limit", str(len(summary.limits_hit)),
              f"{sum(summary.dropped.values())} targets refused"),
    )) + "</div>"


def _moment(at: float, run: Run, person: bytes, robot: tuple[bytes, ...]) -> str:
    present = understanding_at(run.recording, run.begin + at)
    action = (f"{spoken(present.action)} <i>{100 * present.action_probability:.0f} %</i>"
              if present.action else "no action")
    said = run.recording.tracks["narration"].known_at(run.begin + at, _SAID)
    sentence = f"<q>{escape(said)}</q>" if said else ""
    pictures = "".join(_image(data, name) for data, name in (
        (person, "person"), *zip(robot or (b"",), ("robot", "robot's face"))))
    return (f'<figure><div class="pictures">{pictures}</div><figcaption>'
            f"<b>{at:.1f} s</b> {action}<br>means {escape(meaning(present))}, feels "
            f"{escape(present.mood or '-')}<br>robot: {escape(present.robot)}{sentence}"
            "</figcaption></figure>")


def _activation(recording: Recording, begin: float) -> list[tuple[str, list[Line]]]:
    rows = []
    for unit in shown_units(recording):
        lines = []
        for track, name, style in (("seen", "person", "seen"), ("self", "robot itself", "own")):
            kept = recording.tracks[track]
            values = np.array([values.get(unit, np.nan) for _, values in kept.values], float)
            lines.append(Line(np.array(kept.arrivals) - begin, values, name, style))
        rows.append((spoken(unit), lines))
    return rows


def _affect(run: Run) -> str:
    track = run.recording.tracks["affect"]
    if not len(track):
        return "<p>No feeling was told.</p>"
    times, values = np.array(track.arrivals) - run.begin, np.array(track.values, float)
    lines = [Line(times, values[:, column], name, style) for column, (name, style) in enumerate((
        ("valence", "feeling"), ("arousal", "own"), ("dominance", "other")))]
    words = [(mood, felt.valence, felt.arousal) for mood in MOODS
             if (felt := feeling(mood)) and mood != "calm"]
    return ('<div class="beside"><div>'
            + curves(lines, run.clip.duration, -1.0, 1.0, 240, title="affect") + "</div>"
            + plane(values[:, 0], values[:, 1], words) + "</div>")


def _arms(run: Run, model: RobotModel, summary: Summary, mirror_image: bool) -> Iterator[str]:
    for side, (times, person, robot) in arm_elevations(
            run.recording, model, mirror_image).items():
        if len(times) < 2 or not np.isfinite(summary.correlation.get(side, np.nan)):
            continue
        other = {"left": "right", "right": "left"}[side] if mirror_image else side
        yield (f"<h4>{side} upper arm of the person, {other} one of the robot: "
               f"r = {summary.correlation[side]:.2f} at the same instants, best "
               f"{1e3 * summary.lag[side]:.0f} ms later</h4>")
        yield curves([Line(times - run.begin, np.degrees(person), "person", "seen"),
                      Line(times - run.begin, np.degrees(robot), "robot", "own")],
                     run.clip.duration, -90, 90, 170, "°", f"elevation of the {side} upper arm")


def _latency(run: Run, summary: Summary) -> str:
    delays = 1e3 * response_times(run.recording)
    if len(delays) < 2:
        return ("<p>No command followed an image: the robot was disarmed, or "
                "<code>actuation/command</code> was not recorded.</p>")
    return histogram(delays, [("p50", 1e3 * summary.latency[0]),
                              ("p95", 1e3 * summary.latency[1])], "ms")


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return ""
    cells = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
                    for row in rows)
    return ("<table><thead><tr>" + "".join(f"<th>{escape(name)}</th>" for name in head)
            + f"</tr></thead><tbody>{cells}</tbody></table>")


def _limits(summary: Summary) -> str:
    parts = [_table(("joint", "times at a limit"), sorted(
        summary.limits_hit.items(), key=lambda one: -one[1])),
        _table(("targets refused because", "times"), list(summary.dropped.items())),
        "".join(f'<p class="warn">The robot stopped itself: {escape(why)}</p>'
                for why in summary.stopped)]
    return "".join(parts) or "<p>No limit was hit, no target refused.</p>"


def _said(run: Run) -> str:
    lines, last = [], ""
    for arrival, _, sentence in run.recording.tracks["narration"]:
        if sentence != last:
            lines.append(f"<li><b>{max(arrival - run.begin, 0.0):.1f} s</b> "
                         f"{escape(sentence)}</li>")
            last = sentence
    return f"<ol>{''.join(lines)}</ol>" if lines else "<p>Nothing was said.</p>"


def _nodes(run: Run) -> str:
    return "".join(
        f"<h4>{escape(node)}: {escape(values.get('message', ''))}</h4>"
        + _table(("", ""), [(name, value) for name, value in values.items() if name != "message"])
        for node, values in sorted(run.recording.status.items()))


def _section(
    run: Run, summary: Summary, model: RobotModel, session: Session, moments: Sequence[float],
    people: Sequence[bytes], robots: Sequence[tuple[bytes, ...]],
) -> str:
    course, end = _course(run), run.clip.duration
    rows = [
        ("who", "other", course.spans(lambda one: one.person)),
        ("does", "seen", course.spans(lambda one: one.action, lambda one: one.action_probability)),
        ("means", "seen", course.spans(_meant, lambda one: one.intention_probability)),
        ("feels", "feeling", course.spans(lambda one: one.mood if one.person else "",
                                          lambda one: min(1.0, abs(one.valence) + 0.2))),
        ("robot", "own", course.spans(lambda one: one.state)),
        ("robot does", "own", course.spans(lambda one: firing(one.own)[0])),
    ]
    units = _activation(run.recording, run.begin)
    arms = "".join(_arms(run, model, summary, session.mirror_image))
    figures = "".join(_moment(at, run, person, robot)
                      for at, person, robot in zip(moments, people, robots))
    if not moments:
        figures = "<p>Nobody was seen.</p>"
    return f"""<section id="{escape(run.clip.name)}">
<h2>{escape(run.clip.name)} <small>{end:.1f} s</small></h2>
{_tiles(summary)}
<h3>Moments</h3><div class="moments">{figures}</div>
<h3>What happened when</h3>{timeline(rows, end)}
<h3>Motor units <small><i class="seen"></i> driven by the person
<i class="own"></i> by the robot's own movement; 0 to 1</small></h3>
{strips(units, end) if units else "<p>None fired.</p>"}
<h3>Feeling</h3>{_affect(run)}
<h3>Robot beside person</h3>{arms or "<p>No arm was seen to move.</p>"}
<h3>From image to command</h3>{_latency(run, summary)}
<h3>Limits</h3>{_limits(summary)}
<h3>What it said</h3>{_said(run)}
<details><summary>State of the nodes at the end</summary>{_nodes(run)}</details>
</section>"""


def _page(
    session: Session, model: RobotModel, summaries: Sequence[Summary], sections: str,
    problem: str, pictures: bool,
) -> str:
    style = share_file("config/report.css").read_text(encoding="utf-8")
    begin = session.runs[0].begin if session.runs else 0.0
    # Nobody records in 1970: a simulation's clock says nothing about the day.
    when = time.strftime("%d %B %Y, %H:%M", time.localtime(begin)) if begin > 1e9 else ""
    contents = "".join(f'<a href="#{escape(item.clip)}">{escape(item.clip)}</a> '
                       for item in summaries) if len(summaries) > 1 else ""
    moves = "a reflection" if session.mirror_image else "a twin"
    notes = f'<p class="warn">{escape(problem)}</p>' if problem else ""
    shown = ("It shows people: pass it on only as they agree. " if pictures else "")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>mirror_robot: {escape(Path(session.source).name)}</title><style>{style}</style></head>
<body><header><h1>What the robot saw, felt and did</h1>
<p>{escape(model.profile.name)}, like {moves}; from {escape(Path(session.source).name)}{
    ", " + when if when else ""}; mirror_robot {__version__} {contents}</p>{notes}</header>
{sections}
<footer>This page holds all that it shows and asks nothing of any server. {shown}Feelings are what
the robot felt on its own face and posture: a guess, not a finding about the person.</footer>
</body></html>
"""
