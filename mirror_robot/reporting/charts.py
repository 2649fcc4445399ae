# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Charts as SVG text: no script, no font and no file from elsewhere, sharp at any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH = 1000
"""Of every chart over time, in units of its own; the page scales it."""
_LEFT, _RIGHT = 130, 12
_MOST_POINTS = 900  # more than a screen can tell apart
_GAP = 0.5  # [s] over which no line is drawn


@dataclass(frozen=True)
class Line:
    """A curve: times (t,) [s], values (t,), a name, and a CSS class that colours it."""

    times: np.ndarray
    values: np.ndarray
    name: str
    style: str


@dataclass(frozen=True)
class Span:
    """Something that lasted: from, to [s], what, and how strongly it is coloured [0..1]."""

    begin: float
    end: float
    name: str
    weight: float = 1.0


def _x(times: np.ndarray | float, end: float) -> np.ndarray:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * np.asarray(times) / end


def ticks(low: float, high: float, most: int = 10) -> np.ndarray:
    """Return at most `most` round numbers within low..high."""
    step = (high - low) / most
    size = 10.0 ** np.floor(np.log10(step))
    step = size * min(factor for factor in (1, 2, 5, 10) if factor * size >= step - 1e-12)
    return np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step + 0.0


def _time_axis(end: float, height: float) -> str:
    marks = []
    for tick in ticks(0.0, end, 12):
        x = float(_x(tick, end))
        marks.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 18}"/>'
                     f'<text class="tick" x="{x:.1f}" y="{height - 4}" '
                     f'text-anchor="middle">{tick:g} s</text>')
    return "".join(marks)


def _svg(height: float, inside: str, label: str) -> str:
    # On a narrow screen it is scrolled: smaller, it could not be read.
    return (f'<div class="chart"><svg viewBox="0 0 {WIDTH} {height:g}" role="img" '
            f'aria-label="{escape(label)}">{inside}</svg></div>')


def _path(x: np.ndarray, y: np.ndarray, times: np.ndarray) -> str:
    """Return path data that breaks where nothing is known."""
    step = max(1, len(x) // _MOST_POINTS)
    x, y, times = x[::step], y[::step], times[::step]
    good = np.isfinite(y) & (times >= 0.0)  # what was before is not shown
    if not good.any():
        return ""
    x, y, times = x[good], y[good], times[good]
    starts = np.concatenate([[True], np.diff(times) > max(_GAP, 3.0 * step * _median(times))])
    return " ".join(f"{'M' if first else 'L'}{a:.1f} {b:.1f}"
                    for first, a, b in zip(starts, x, y))


def _median(times: np.ndarray) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.0


def curves(
    lines: Sequence[Line], end: float, low: float, high: float, height: float = 170,
    unit: str = "", title: str = "",
) -> str:
    """Return lines over 0..end s, values from `low` to `high`."""
    bottom = height - 18
    parts = [_time_axis(end, height)]
    for tick in ticks(low, high, 4):
        y = bottom - (bottom - 6) * (tick - low) / (high - low)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" '
                     f'y2="{y:.1f}"/><text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" '
                     f'text-anchor="end">{tick:g}{unit}</text>')
    for row, line in enumerate(lines):
        y = bottom - (bottom - 6) * (np.clip(line.values, low, high) - low) / (high - low)
        data = _path(_x(line.times, end), y, line.times)
        parts.append(f'<path class="line {line.style}" d="{data}">'
                     f"<title>{escape(line.name)}</title></path>")
        parts.append(f'<text class="key {line.style}" x="4" y="{20 + 18 * row}">'
                     f"{escape(line.name)}</text>")
    return _svg(height, "".join(parts), title or ", ".join(line.name for line in lines))


def timeline(rows: Sequence[tuple[str, str, Sequence[Span]]], end: float) -> str:
    """Return rows (name, CSS class, spans) of what went on when, over 0..end s."""
    deep = 30
    height = deep * len(rows) + 18
    parts = [_time_axis(end, height)]
    for row, (name, style, spans) in enumerate(rows):
        y = deep * row
        parts.append(f'<text class="tick" x="4" y="{y + 19}">{escape(name)}</text>')
        for span, later in zip(spans, [*(one.begin for one in spans[1:]), end]):
            x, to = float(_x(span.begin, end)), float(_x(min(span.end, end), end))
            width = max(to - x, 1.5)
            parts.append(
                f'<g><title>{escape(span.name)}, {span.begin:.1f} to {span.end:.1f} s</title>'
                f'<rect class="{style}" x="{x:.1f}" y="{y + 4}" width="{width:.1f}" '
                f'height="{deep - 8}" rx="3" fill-opacity="{0.25 + 0.75 * span.weight:.2f}"/>')
            length = 7.2 * len(span.name) + 8
            if length < width:
                parts.append(f'<text class="inside" x="{x + 5:.1f}" y="{y + 19}">'
                             f"{escape(span.name)}</text>")
            elif length < float(_x(later, end)) - to:  # beside it, where nothing else is
                parts.append(f'<text class="tick" x="{to + 5:.1f}" y="{y + 19}">'
                             f"{escape(span.name)}</text>")
            parts.append("</g>")
    return _svg(height, "".join(parts), "timeline")


def strips(rows: Sequence[tuple[str, Sequence[Line]]], end: float, height: float = 44) -> str:
    """Return one low chart (0..1) under another, each with a name and its lines, filled."""
    parts = [_time_axis(end, height * len(rows) + 18)]
    for row, (name, lines) in enumerate(rows):
        top = height * row
        bottom = top + height - 4
        parts.append(f'<text class="tick" x="4" y="{top + 26}">{escape(name)}</text>'
                     f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{bottom}" '
                     f'y2="{bottom}"/>')
        for line in lines:
            x = _x(line.times, end)
            y = bottom - (height - 8) * np.clip(line.values, 0.0, 1.0)
            parts.append(f'<path class="line {line.style}" d="{_path(x, y, line.times)}">'
                         f"<title>{escape(name)}, {escape(line.name)}</title></path>")
    return _svg(height * len(rows) + 18, "".join(parts), "activation of motor units")


def histogram(values: np.ndarray, marks: Sequence[tuple[str, float]], unit: str,
              bins: int = 40) -> str:
    """Return how often values (t,) occur, with named marks (name, value)."""
    height, bottom = 150, 120
    high = float(max(np.percentile(values, 99.5), *(value for _, value in marks))) * 1.05
    counts, edges = np.histogram(values, bins=bins, range=(0.0, high))
    across = (WIDTH - _LEFT - _RIGHT) / bins
    parts = [f'<rect class="other" x="{_LEFT + across * row:.1f}" width="{across - 1:.1f}" '
             f'y="{bottom - 100 * count / counts.max():.1f}" '
             f'height="{100 * count / counts.max():.1f}">'
             f"<title>{count} times {edges[row]:.0f} to {edges[row + 1]:.0f} {unit}</title></rect>"
             for row, count in enumerate(counts) if count]
    for tick in ticks(0.0, high, 10):
        parts.append(f'<text class="tick" x="{float(_x(tick, high)):.1f}" y="{bottom + 16}" '
                     f'text-anchor="middle">{tick:g} {unit}</text>')
    for row, (name, value) in enumerate(marks):
        x = float(_x(value, high))
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{bottom}"/>'
                     f'<text class="tick strong" x="{x + 4:.1f}" y="{16 + 14 * row}">'
                     f"{escape(name)} {value:.0f} {unit}</text>")
    return _svg(height, "".join(parts), "histogram")


def plane(valence: np.ndarray, arousal: np.ndarray, words: Sequence[tuple[str, float, float]],
          ) -> str:
    """Return the plane of valence (to the right) and arousal (up), with the way of a mood."""
    def place(v: float | np.ndarray, a: float | np.ndarray) -> tuple:
        return 160 + 120 * np.clip(v, -1, 1), 140 - 120 * np.clip(a, -1, 1)

    x, y = place(valence, arousal)
    step = max(1, len(x) // _MOST_POINTS)
    way = " ".join(f"{'L' if row else 'M'}{a:.1f} {b:.1f}"
                   for row, (a, b) in enumerate(zip(x[::step], y[::step])))
    shown: list[tuple[str, float, float]] = []
    for word, v, a in words:  # two words on one another could not be read
        if all(abs(v - w) > 0.5 or abs(a - b) > 0.12 for _, w, b in shown):
            shown.append((word, v, a))
    names = "".join(
        f'<text class="tick" x="{place(v, a)[0]:.0f}" y="{place(v, a)[1]:.0f}" '
        f'text-anchor="middle">{escape(word)}</text>' for word, v, a in shown)
    ends = "".join(
        f'<circle class="{style}" cx="{x[at]:.1f}" cy="{y[at]:.1f}" r="5"><title>{title}</title>'
        "</circle>" for at, style, title in ((0, "other", "beginning"), (-1, "seen", "end"))
    ) if len(x) else ""
    return ('<svg class="plane" viewBox="0 0 320 284" role="img" aria-label="mood">'
            '<rect class="frame" x="40" y="20" width="240" height="240" rx="4"/>'
            '<line class="grid" x1="40" x2="280" y1="140" y2="140"/>'
            '<line class="grid" x1="160" x2="160" y1="20" y2="260"/>'
            '<text class="tick" x="160" y="14" text-anchor="middle">excited</text>'
            '<text class="tick" x="160" y="276" text-anchor="middle">calm</text>'
            '<text class="tick" x="34" y="144" text-anchor="end">bad</text>'
            '<text class="tick" x="286" y="144">good</text>'
            f'{names}<path class="line feeling" d="{way}"/>{ends}</svg>')
