# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Checks of what people write into YAML tables; errors name key, value and what is valid."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


def choices(wrong: str, valid: Iterable[str]) -> str:
    """Return a hint for a wrong name: the nearest valid one, then all of them."""
    valid = sorted(valid)
    near = difflib.get_close_matches(wrong, valid, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"valid: {', '.join(valid)}"


@dataclass(frozen=True)
class Checks:
    """Checks that return the value, or raise the error of one kind of table.

    In each, `where` says where in the table the value stands, such as ``limits.joints.elbow``.

    Parameters
    ----------
    error : type of ValueError
        What is raised.
    """

    error: type[ValueError]

    def mapping(self, value: Any, where: str, valid: Iterable[str] | None = None, *,
                filled: bool = False) -> Mapping[str, Any]:
        """Return a mapping whose keys are among the `valid` ones; `filled`: not an empty one."""
        if not isinstance(value, Mapping) or (filled and not value):
            raise self.error(f"{where} must be a mapping{' that is not empty' * filled}, "
                             f"not {value!r}")
        for key in value:
            if valid is not None and key not in valid:
                raise self.error(f"{where} has no key {key!r}; {choices(str(key), valid)}")
        return value

    def number(self, value: Any, where: str, low: float = float("-inf"),
               high: float = float("inf")) -> float:
        """Return a number from `low` to `high`."""
        if isinstance(value, bool) or not isinstance(value, int | float) \
                or not low <= value <= high:
            raise self.error(f"{where} must be a number from {low:g} to {high:g}, not {value!r}")
        return float(value)

    def numbers(self, value: Any, where: str, count: int, low: float, high: float) -> list[float]:
        """Return a list of `count` numbers from `low` to `high`."""
        if not isinstance(value, list) or len(value) != count:
            raise self.error(f"{where} must be a list of {count} numbers, not {value!r}")
        return [self.number(item, where, low, high) for item in value]

    def names(self, value: Any, where: str) -> tuple[str, ...]:
        """Return a list of names, none of them twice."""
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(f"{where} must be a list of names, not {value!r}")
        if len(set(value)) != len(value):
            raise self.error(f"{where} has a name twice: {value}")
        return tuple(value)

    def choice(self, value: Any, where: str, valid: Iterable[str]) -> str:
        """Return a name that is among the `valid` ones."""
        if value not in valid:
            raise self.error(f"{where} is {value!r}; {choices(str(value), valid)}")
        return value
