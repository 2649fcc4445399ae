# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""From what somebody does to what it is probably meant for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import yaml

from mirror_robot.mirror.affect import Affect
from mirror_robot.resources import share_file
from mirror_robot.tables import Checks, choices

NONE = "none"
"""Nobody intends anything: all that is seen is background."""

UNKNOWN = "unknown"
"""Something is done, and the table or the evidence does not say what for."""

_RANGES = ("valence", "arousal", "dominance")
_CONDITIONS = ("facing", "after", *_RANGES)
_VARIANTS = ("_left", "_right", "_both")

# How likely what a channel does has nothing to do with what another channel means: people wave and
# happen to frown. What is not known is mostly such: a face that talks, a hand that scratches.
_INCIDENTAL = 0.3
_INCIDENTAL_UNKNOWN = 0.8


class IntentionTableError(ValueError):
    """A table of intentions that cannot be used; says where, and what would be right."""


_check = Checks(IntentionTableError)
_mapping = _check.mapping


@dataclass(frozen=True)
class Intention:
    """What somebody probably intends.

    Attributes
    ----------
    stamp : float
        Acquisition time [s].
    label : str
        The intention held to be true at present; `NONE` or `UNKNOWN` where there is none.
    probability : float
        Of the label, 0..1.
    distribution : mapping str -> float
        Over all intentions, `NONE` and `UNKNOWN`; sums to 1.
    """

    stamp: float
    label: str
    probability: float
    distribution: Mapping[str, float]


@dataclass(frozen=True)
class _Rule:
    """Factors on intentions while all conditions hold."""

    facing: bool | None
    after: frozenset[str]
    ranges: Mapping[str, tuple[float, float]]
    factors: np.ndarray

    def holds(self, facing: bool | None, affect: Affect | None, previous: str) -> bool:
        """Return whether all conditions are known to hold."""
        if self.facing is not None and facing is not self.facing:
            return False
        if self.after and previous not in self.after:
            return False
        if self.ranges and affect is None:
            return False
        return all(low <= getattr(affect, name) <= high
                   for name, (low, high) in self.ranges.items())


@dataclass(frozen=True)
class IntentionTable:
    """P(intention | unit) and the influence of the context.

    Attributes
    ----------
    meanings : mapping str -> str
        The intentions and, in words, what they are.
    background : frozenset of str
        Units that are no action.
    units : mapping str -> ndarray (len(meanings),)
        What a unit means when seen alone; what is left to 1 is unknown.
    rules : tuple
    """

    meanings: Mapping[str, str]
    background: frozenset[str]
    units: Mapping[str, np.ndarray]
    rules: tuple[_Rule, ...]

    @property
    def intentions(self) -> tuple[str, ...]:
        """The names of the intentions, without `NONE` and `UNKNOWN`."""
        return tuple(self.meanings)

    def meaning(self, unit: str) -> np.ndarray:
        """Return P(intention | unit); zeros for a unit that the table does not name."""
        for name in (unit, base_name(unit)):
            if name in self.units:
                return self.units[name]
        return np.zeros(len(self.meanings))


def base_name(unit: str) -> str:
    """Return the name of a unit without its variant: ``wave`` of ``wave_left``."""
    for variant in _VARIANTS:
        if unit.endswith(variant):
            return unit[:-len(variant)]
    return unit


def load_intentions(path: str | Path | None = None) -> IntentionTable:
    """Read a table of intentions, by default that of the package.

    Raises
    ------
    IntentionTableError
        If the file cannot be read or anything in it is not as it should be.
    """
    path = share_file("config/intentions.yaml") if path is None else Path(path).expanduser()
    try:
        return intention_table(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise IntentionTableError(f"cannot read {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise IntentionTableError(f"{path} is not valid YAML: {error}") from error
    except IntentionTableError as error:
        raise IntentionTableError(f"{path}: {error}") from None


def intention_table(content: Any) -> IntentionTable:
    """Return the table that the content of a file describes (see config/intentions.yaml).

    Raises
    ------
    IntentionTableError
        If anything in it is not as it should be.
    """
    content = _mapping(content, "the table",
                       ("format", "intentions", "background", "units", "context"))
    if content.get("format") != 1:
        raise IntentionTableError(f"format must be 1, not {content.get('format')!r}")
    meanings = {str(name): str(meaning) for name, meaning in
                _mapping(content.get("intentions"), "intentions").items()}
    if not meanings:
        raise IntentionTableError("intentions names none")
    for reserved in (NONE, UNKNOWN):
        if reserved in meanings:
            raise IntentionTableError(
                f"intentions: {reserved!r} exists by itself and cannot be defined")
    names = tuple(meanings)
    units = {}
    for unit, meant in _mapping(content.get("units"), "units").items():
        where = f"units.{unit}"
        units[str(unit)] = _numbers(meant, where, names, default=0.0, high=1.0)
        if (total := units[str(unit)].sum()) > 1.0 + 1e-9:
            raise IntentionTableError(f"{where}: the probabilities sum to {total:g}, over 1")
    background = content.get("background") or []
    if not isinstance(background, Sequence) or isinstance(background, str):
        raise IntentionTableError(f"background must be a list of units, not {background!r}")
    if both := set(map(str, background)) & set(units):
        raise IntentionTableError(
            f"{', '.join(sorted(both))}: a unit is either background or means something")
    rules = content.get("context") or []
    if not isinstance(rules, Sequence) or isinstance(rules, str):
        raise IntentionTableError(f"context must be a list of rules, not {rules!r}")
    return IntentionTable(
        MappingProxyType(meanings), frozenset(map(str, background)), MappingProxyType(units),
        tuple(_rule(rule, f"context[{index}]", names) for index, rule in enumerate(rules)))


def _rule(rule: Any, where: str, names: tuple[str, ...]) -> _Rule:
    rule = _mapping(rule, where, ("when", "factors"))
    when = _mapping(rule.get("when"), f"{where}.when", _CONDITIONS)
    if not when:
        raise IntentionTableError(f"{where}.when has no condition; valid: "
                                  f"{', '.join(_CONDITIONS)}")
    facing = when.get("facing")
    if facing is not None and not isinstance(facing, bool):
        raise IntentionTableError(f"{where}.when.facing must be true or false, not {facing!r}")
    after = when.get("after") or []
    if not isinstance(after, Sequence) or isinstance(after, str):
        raise IntentionTableError(f"{where}.when.after must be a list, not {after!r}")
    for name in after:
        if name not in names:
            raise IntentionTableError(
                f"{where}.when.after: no intention {name!r}; {choices(str(name), names)}")
    ranges = {}
    for name in _RANGES:
        if name in when:
            given = when[name]
            if not (isinstance(given, Sequence) and len(given) == 2
                    and all(_is_number(value) for value in given)
                    and -1.0 <= given[0] <= given[1] <= 1.0):
                raise IntentionTableError(
                    f"{where}.when.{name} must be [from, to] within -1..1, not {given!r}")
            ranges[name] = (float(given[0]), float(given[1]))
    factors = _numbers(rule.get("factors"), f"{where}.factors", names, default=1.0, high=100.0)
    return _Rule(facing, frozenset(map(str, after)), MappingProxyType(ranges), factors)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(
    value: Any, where: str, names: tuple[str, ...], default: float, high: float,
) -> np.ndarray:
    numbers = np.full(len(names), default)
    for name, number in _mapping(value, where).items():
        if name not in names:
            raise IntentionTableError(
                f"{where}: no intention {name!r}; {choices(str(name), names)}")
        if not (_is_number(number) and 0.0 <= number <= high):
            raise IntentionTableError(
                f"{where}.{name} must be a number from 0 to {high:g}, not {number!r}")
        numbers[names.index(name)] = number
    return numbers


class IntentionReader:
    """Reads the most likely intention from unit activations, steadily.

    Each channel (body, head, face) says what its units mean, that it is idle, or that it does
    something unknown. An intention is as likely as that at least one channel carries it while each
    of the others carries it too, is idle, or does something that has nothing to do with it. The
    context then weighs the intentions.

    Parameters
    ----------
    table : IntentionTable, optional
        By default that of the package.
    smoothing : float
        Time constant of the distribution [s].
    threshold : float
        0..1: least probability of an intention that is named; below, it is `UNKNOWN`.
    margin : float
        0..1: by how much another label must be likelier to take over (hysteresis).
    memory : float
        How long an intention that has ended counts as context [s].
    """

    def __init__(
        self, table: IntentionTable | None = None, smoothing: float = 0.25,
        threshold: float = 0.40, margin: float = 0.10, memory: float = 15.0,
    ) -> None:
        self.table = table or load_intentions()
        self._smoothing, self._threshold = smoothing, threshold
        self._margin, self._memory = margin, memory
        self.reset()

    def reset(self) -> None:
        """Forget what was seen."""
        self._stamp: float | None = None
        self._names = (*self.table.intentions, NONE, UNKNOWN)
        self._distribution = np.zeros(len(self._names))
        self._distribution[self._names.index(NONE)] = 1.0
        self._label = NONE
        self._previous, self._previous_until = "", -np.inf

    def update(
        self, stamp: float, activation: Mapping[str, Mapping[str, float]],
        facing: bool | None = None, affect: Affect | None = None,
    ) -> Intention:
        """Read anew.

        Parameters
        ----------
        stamp : float
            Acquisition time [s]. A time that jumps back starts over.
        activation : mapping channel -> {unit: probability}
            0..1 each; what is left to 1 in a channel is something unknown. Channels that are not
            seen are left out.
        facing : bool, optional
            Whether the person faces the robot; None where that is not known.
        affect : Affect, optional
            What is felt for the person.
        """
        if self._stamp is not None and stamp < self._stamp:
            self.reset()
        elapsed = 0.1 if self._stamp is None else stamp - self._stamp
        self._stamp = stamp
        previous = self._previous if stamp <= self._previous_until else ""
        now = self._instant(activation, facing, affect, previous)
        self._distribution += (1.0 - np.exp(-elapsed / self._smoothing)) * (
            now - self._distribution)
        self._decide(stamp)
        index = self._names.index(self._label)
        return Intention(stamp, self._label, float(self._distribution[index]),
                         dict(zip(self._names, self._distribution.tolist())))

    def _instant(
        self, activation: Mapping[str, Mapping[str, float]], facing: bool | None,
        affect: Affect | None, previous: str,
    ) -> np.ndarray:
        """Return the distribution that the present activation alone gives."""
        count = len(self.table.meanings)
        carried, spared, idle, unknown = np.ones(count), 1.0, 1.0, 1.0
        for units in activation.values():
            meant = np.zeros(count)
            background = total = unclear = 0.0
            for unit, probability in units.items():
                # NaN compares False and counts as nothing.
                probability = min(probability, 1.0) if probability > 0.0 else 0.0
                total += probability
                if unit in self.table.background:
                    background += probability
                else:
                    meaning = self.table.meaning(unit)
                    meant += probability * meaning
                    unclear += probability * (1.0 - meaning.sum())
            unclear += max(1.0 - total, 0.0)
            scale = max(total, 1.0)
            meant, background, unclear = meant / scale, background / scale, unclear / scale
            unrelated = (background + _INCIDENTAL * meant.sum() + _INCIDENTAL_UNKNOWN * unclear)
            carried *= meant + unrelated
            spared *= unrelated
            idle *= background
            unknown *= unclear + background
        weights = carried - spared
        for rule in self.table.rules:
            if rule.holds(facing, affect, previous):
                weights *= rule.factors
        result = np.maximum([*weights, idle, unknown - idle], 0.0) if activation else np.zeros(1)
        total = result.sum()
        return result / total if total > 0.0 else np.eye(count + 2)[-1]

    def _decide(self, stamp: float) -> None:
        """Change the label where another is clearly likelier or the old one has lost ground."""
        best = int(self._distribution.argmax())
        candidate = self._names[best]
        if candidate not in (NONE, UNKNOWN) and self._distribution[best] < self._threshold:
            candidate = UNKNOWN
        if candidate == self._label:
            return
        held = float(self._distribution[self._names.index(self._label)])
        named = self._label not in (NONE, UNKNOWN)
        if named and held >= self._threshold - self._margin and (
                self._distribution[best] < held + self._margin):
            return
        if named:
            self._previous, self._previous_until = self._label, stamp + self._memory
        self._label = candidate
