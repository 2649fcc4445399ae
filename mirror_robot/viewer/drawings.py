# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The pictures and lines of the page, as HTML and SVG: from a `State`, to text.

Everything that comes from a topic is escaped: whoever may publish a sentence may not therefore run
a script in the browser of whoever watches.
"""

from __future__ import annotations

import math
from html import escape
from itertools import pairwise

from mirror_robot.mirror.intention import NONE, UNKNOWN
from mirror_robot.viewer.state import (
    ERROR,
    OK,
    TRAIL,
    WARN,
    State,
    firing,
    is_action,
    spoken,
)

SEEN, OWN, MEANT, FELT = "#3fd0c9", "#ffb454", "#b79cff", "#ff8fa3"
"""Colours: what the person drives, what the robot drives, what is meant, what is felt."""

GHOST = "#56b2ff"
"""Colour of the robot's ghost."""

_TEXT, _MUTED, _LINE, _DARK = "#e9ecef", "#9aa3ad", "#3b424a", "#23282e"
_GOOD, _DOUBTFUL, _BAD = "#51cf66", "#fcc419", "#ff6b6b"
_FONT = "font-family:system-ui,sans-serif"
_WINDOW = 30.0  # [s] shown of the timeline
_LANES = (("sees", SEEN), ("means", MEANT), ("does", OWN))
_NODES = ("perception_node", "rep155_node", "mirror_node", "actuation_node", "simulation_node")


def _svg(width: float, height: float, parts: list[str], label: str) -> str:
    return (f'<svg role="img" aria-label="{escape(label, quote=True)}" '
            f'viewBox="0 0 {width:g} {height:g}" style="display:block;width:100%;height:auto;'
            f'{_FONT}" font-size="11" fill="{_TEXT}">{"".join(parts)}</svg>')


def _box(content: str) -> str:
    return f'<div style="padding:0 12px 8px;{_FONT};color:{_TEXT}">{content}</div>'


def sentence(state: State) -> str:
    """Return what is understood: the sentence, and in short who does, means and feels what."""
    action, sure = firing(state.seen)
    intention = {NONE: "", UNKNOWN: "unclear"}.get(state.intention, spoken(state.intention))
    meant = f"{100 * state.intention_probability:.0f} %" if (
        state.intention not in (NONE, UNKNOWN) and state.intention_probability) else ""
    feeling = "" if state.affect is None else f"{state.affect[0]:+.2f} / {state.affect[1]:+.2f}"
    cells = [
        ("person does", spoken(state.by_person(action)),
         f"{100 * sure:.0f} %" if action else "", SEEN),
        ("means", intention, meant, MEANT),
        ("feels", state.mood, feeling, FELT),
        ("robot", state.robot, spoken(firing(state.own)[0]), OWN),
    ]
    table = "".join(
        f'<div style="background:{_DARK};border-radius:6px;'
        f'padding:4px 8px;border-left:3px solid {colour if word else _LINE}">'
        f'<div style="font-size:10px;color:{_MUTED}">{name}</div>'
        f'<div style="font-weight:600;font-size:13px;line-height:1.25">{escape(word) or "–"}</div>'
        f'<div style="font-size:10px;color:{_MUTED};min-height:14px">{escape(more)}</div></div>'
        for name, word, more, colour in cells)
    said = escape(state.sentence) or (
        "Nobody is seen yet." if not state.person else "Somebody is there.")
    # Beside fields that tell the present, what was said before must not look like it.
    past = bool(state.sentence) and not state.sentence_holds
    when = f'<span style="color:{_MUTED};font-size:12px">before: </span>' if past else ""
    faded = 0.5 if past else 1.0
    return _box(
        f'<div style="font-size:16px;line-height:1.35;min-height:2.7em;margin:2px 0 8px;'
        f'opacity:{faded:g}">{when}{said}'
        f'</div><div style="display:grid;grid-template-columns:1fr 1fr;gap:6px">{table}</div>')


def bars(state: State) -> str:
    """Return the motor units: those that fire as bars, all of them as lamps."""
    seen, own = state.seen, state.own
    rows, width, row, middle, half = state.rows.update(
        state.now, (seen, own)), 360.0, 19.0, 180.0, 112.0
    parts = [
        f'<text x="{middle - 60}" y="11" text-anchor="end" fill="{SEEN}">seen in the person</text>'
        f'<text x="{middle + 60}" y="11" fill="{OWN}">felt in the robot itself</text>']
    if state.mirror_image:
        parts.append(f'<text x="{middle:g}" y="11" text-anchor="middle" font-size="9" '
                     f'fill="{_MUTED}">robot\'s left, right</text>')
    for index in range(8):
        y = 18 + index * row
        if index >= len(rows):
            continue
        unit = rows[index]
        left, right = seen.get(unit, 0.0), own.get(unit, 0.0)
        lit = max(left, right)
        plain = not is_action(unit)
        for value, colour, side in ((left, SEEN, -1), (right, OWN, 1)):
            x = middle + side * 60
            long = half * min(max(value, 0.0), 1.0)
            parts.append(
                f'<rect x="{x - (half if side < 0 else 0):.1f}" y="{y + 3:.1f}" width="{half:g}" '
                f'height="12" rx="2" fill="{_DARK}"/>'
                f'<rect x="{x - (long if side < 0 else 0):.1f}" y="{y + 3:.1f}" '
                f'width="{long:.1f}" height="12" rx="2" fill="{_MUTED if plain else colour}" '
                f'opacity="{0.35 + 0.65 * value:.2f}"/>')
        parts.append(
            f'<text x="{middle:g}" y="{y + 12.5:.1f}" text-anchor="middle" '
            f'font-size="{11 if len(unit) < 18 else 9}" '
            f'fill-opacity="{0.45 + 0.55 * lit:.2f}" font-weight="{600 if lit > 0.5 else 400}">'
            f'{escape(spoken(unit))}</text>')
    strange = [f"{unit.removeprefix(UNKNOWN).strip('_')} {100 * value:.0f} %"
               for unit, value in seen.items() if unit.startswith(UNKNOWN)]
    if strange:
        parts.append(f'<text x="{middle:g}" y="{18 + 8 * row + 12:g}" text-anchor="middle" '
                     f'font-size="10" fill="{_MUTED}">none of them: '
                     f'{escape(" · ".join(strange))}</text>')
    top, across, cell = 18 + 9 * row + 4, 18, 20.0
    lamps = [unit for unit in state.units if not unit.startswith(UNKNOWN)]
    places = [(cell * (index % across) + 1, top + 12 * (index // across))
              for index in range(len(lamps))]
    parts.append(f'<path d="{"".join(f"M{x:g} {y:g}h18v9h-18z" for x, y in places)}" '
                 f'fill="{_DARK}"/>')
    for unit, (x, y) in zip(lamps, places):
        left, right = min(seen.get(unit, 0.0), 1.0), min(own.get(unit, 0.0), 1.0)
        if max(left, right) < 0.05:
            continue
        parts.append(
            f'<g><title>{escape(spoken(unit))}</title>'
            f'<rect x="{x:g}" y="{y:g}" width="9" height="9" fill="{SEEN}" '
            f'opacity="{left:.2f}"/><rect x="{x + 9:g}" y="{y:g}" width="9" height="9" '
            f'fill="{OWN}" opacity="{right:.2f}"/></g>')
    height = top + 12 * math.ceil(len(lamps) / across) + 2
    return _box(_svg(width, height, parts, "motor units"))


def timeline(state: State) -> str:
    """Return the actions and intentions of the last half minute."""
    width, left, row = 360.0, 44.0, 22.0
    scale = (width - left) / _WINDOW
    parts = []
    for back in range(0, int(_WINDOW) + 1, 10):
        x = width - back * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="2" y2="{3 * row + 2:g}" '
                     f'stroke="{_LINE}"/><text x="{x:.1f}" y="{3 * row + 14:g}" font-size="9" '
                     f'fill="{_MUTED}" text-anchor="{"middle" if back else "end"}">'
                     f'{f"−{back} s" if back else "now"}</text>')
    for index, (name, colour) in enumerate(_LANES):
        y = index * row + 3
        parts.append(f'<text x="0" y="{y + 13:g}" fill="{colour}">{name}</text>')
        for segment in state.lanes[name].segments:
            begin = max(segment.begin, state.now - _WINDOW)
            long = (segment.end - begin) * scale
            if segment.end - segment.begin < 0.15 or long <= 0:
                continue
            x = width - (state.now - begin) * scale
            text, title = spoken(segment.label), escape(spoken(segment.label))
            fits = int((long - 6) / 5.4)
            inside = "" if fits < 3 else escape(
                text if len(text) <= fits else text[:fits - 1] + "…")
            parts.append(
                f'<g><title>{title}, {segment.end - segment.begin:.1f} s</title>'
                f'<rect x="{x:.1f}" y="{y:g}" width="{max(long, 1.5):.1f}" height="18" rx="3" '
                f'fill="{colour}" opacity="0.85"/>'
                f'<text x="{x + 4:.1f}" y="{y + 13:g}" font-size="10" fill="#14171a">{inside}'
                f'</text></g>')
    return _box(_svg(width, 3 * row + 18, parts, "actions and intentions"))


def legend() -> str:
    """Return what is to be seen around the robot besides itself."""
    marks = (("ghost: where it will be", GHOST, 3), ("where the hand is heading", MEANT, 6))
    return _box("".join(
        f'<span style="font-size:11px;color:{_MUTED};margin-right:14px;white-space:nowrap">'
        f'<span style="display:inline-block;width:11px;height:11px;border-radius:{round_}px;'
        f'background:{colour};margin-right:5px;vertical-align:-1px"></span>{what}</span>'
        for what, colour, round_ in marks))


def mood(state: State) -> str:
    """Return the felt state as a point on the plane of valence and arousal, with its trail."""
    width, height, cx, cy, sx, sy = 360.0, 190.0, 180.0, 95.0, 150.0, 80.0

    def place(valence: float, arousal: float) -> tuple[float, float]:
        return (cx + sx * min(max(valence, -1.0), 1.0), cy - sy * min(max(arousal, -1.0), 1.0))

    parts = [
        f'<rect x="{cx - sx - 12:g}" y="{cy - sy - 12:g}" width="{2 * sx + 24:g}" '
        f'height="{2 * sy + 24:g}" rx="8" fill="{_DARK}"/>'
        f'<line x1="{cx - sx:g}" x2="{cx + sx:g}" y1="{cy:g}" y2="{cy:g}" stroke="{_LINE}"/>'
        f'<line x1="{cx:g}" x2="{cx:g}" y1="{cy - sy:g}" y2="{cy + sy:g}" stroke="{_LINE}"/>']
    corners = (("angry, afraid", -1, 1), ("excited, joyful", 1, 1), ("sad, weary", -1, -1),
               ("calm, content", 1, -1))
    for word, side, up in corners:
        parts.append(
            f'<text x="{cx + side * (sx + 4):g}" y="{cy - up * sy + 3:g}" fill="{_MUTED}" '
            f'font-size="10" text-anchor="{"end" if side > 0 else "start"}">{word}</text>')
    parts.append(
        f'<text x="{cx + sx + 4:g}" y="{cy - 4:g}" fill="{_MUTED}" font-size="9" '
        f'text-anchor="end">pleasant</text><text x="{cx - sx - 4:g}" y="{cy - 4:g}" '
        f'fill="{_MUTED}" font-size="9">unpleasant</text>'
        f'<text x="{cx + 4:g}" y="{cy - sy + 3:g}" fill="{_MUTED}" font-size="9">aroused</text>'
        f'<text x="{cx + 4:g}" y="{cy + sy + 3:g}" fill="{_MUTED}" font-size="9">drowsy</text>')
    # Far fewer points than were heard of: the eye sees a line all the same.
    trail = list(state.trail)[::-4][::-1]
    for (_, *before), (when, *after) in pairwise(trail):
        (x1, y1), (x2, y2) = place(*before), place(*after)
        fresh = max(1.0 - (state.now - when) / TRAIL, 0.0)
        parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                     f'stroke="{FELT}" stroke-width="{1 + 2 * fresh:.1f}" '
                     f'stroke-linecap="round" opacity="{0.08 + 0.8 * fresh:.2f}"/>')
    if state.affect is not None:
        x, y = place(*state.affect[:2])
        end = "end" if x > cx else "start"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="12" fill="{FELT}" opacity="0.25"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{FELT}" stroke="#fff"/>'
            f'<text x="{x + (-16 if end == "end" else 16):.1f}" y="{y + 5:.1f}" '
            f'text-anchor="{end}" font-size="14" font-weight="600">{escape(state.mood)}</text>')
    return _box(_svg(width, height, parts, f"mood: {state.mood or 'not known'}"))


def _number(value: float, form: str, unit: str) -> str:
    return "–" if not math.isfinite(value) else f"{value:{form}} {unit}"


def health(state: State) -> str:
    """Return rates and latencies, and what each node says of itself."""
    camera = "perception_node" if "perception_node" in state.health else "rep155_node"
    figure = state.figure
    values = [
        ("images", _number(figure(camera, "image rate [Hz]"), ".1f", "/s")),
        ("bodies", _number(figure(camera, "body rate [Hz]", "bodies rate [Hz]"), ".1f", "/s")),
        ("faces", _number(figure(camera, "face seen rate [Hz]", "faces rate [Hz]"), ".1f", "/s")),
        ("commands", _number(figure("actuation_node", "commands_rate [Hz]"), ".1f", "/s")),
        ("image to landmarks",
         _number(1e3 * figure(camera, "pose latency p50 [s]"), ".0f", "ms")),
        ("image to command",
         _number(1e3 * figure("actuation_node", "latency_p50 [s]"), ".0f", "ms")),
        ("… 95 of 100",
         _number(1e3 * figure("actuation_node", "latency_p95 [s]"), ".0f", "ms")),
        ("off its command",
         _number(figure("actuation_node", "tracking_error_max [rad]"), ".2f", "rad")),
    ]
    cells = "".join(
        f'<div style="background:{_DARK};border-radius:6px;padding:4px 8px">'
        f'<div style="font-size:10px;color:{_MUTED}">{name}</div>'
        f'<div style="font-weight:600;font-size:13px">{value}</div></div>'
        for name, value in values)
    colours = {OK: _GOOD, WARN: _DOUBTFUL, ERROR: _BAD}
    order = [*(name for name in _NODES if name in state.health),
             *(name for name in state.health if name not in _NODES)]
    lines = []
    for name in order:
        told = state.health[name]
        silent = state.now - told.heard
        message = told.message if silent < 3.0 else f"silent for {silent:.0f} s"
        colour = _BAD if silent >= 3.0 else colours.get(told.level, _MUTED)
        lines.append(
            f'<div style="font-size:12px;margin-top:4px;overflow-wrap:anywhere">'
            f'<span style="color:{colour}">●</span> <b>{escape(name.removesuffix("_node"))}</b> '
            f'<span style="color:{_MUTED}">{escape(message)}</span></div>')
    return _box(
        f'<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax(104px,1fr));'
        f'gap:6px">{cells}</div>{"".join(lines)}' if lines else
        f'<span style="color:{_MUTED}">No node has told anything yet.</span>')


def answers(state: State) -> str:
    """Return what the robot said to whoever uses the page, newest first."""
    lines = list(state.answers)[::-1]
    if not lines:
        return ""
    shown = "".join(
        f'<div style="opacity:{max(1.0 - 0.2 * index, 0.3):.2f}">{escape(line)}</div>'
        for index, line in enumerate(lines))
    return _box(f'<div aria-live="polite" style="font-size:13px;line-height:1.4;'
                f'overflow-wrap:anywhere">{shown}</div>')
