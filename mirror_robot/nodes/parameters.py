# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Parameters declared once: default, unit, range, description; refused at the door when wrong."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter as ParameterValue

# Parameters that rclpy itself declares or that every node gets from the launch system.
_OF_ROS = ("use_sim_time", "start_type_description_service", "qos_overrides.")


class ParameterError(ValueError):
    """A parameter that does not exist or has a value it cannot have; says what would be right."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node.

    Attributes
    ----------
    name, default, description
        The type is that of the default: bool, int, float, str or a list of str.
    unit : str
        Such as ``"rad"`` or ``"s"``; empty where there is none.
    minimum, maximum : float, optional
        Inclusive range of a number.
    choices : sequence of str
        The only values that a string may have.
    changeable : bool
        Whether it may be set while the node runs.
    check : callable, optional
        Raises a ValueError that explains why a value cannot be taken.
    """

    name: str
    default: Any
    description: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: Sequence[str] = ()
    changeable: bool = False
    check: Callable[[Any], Any] | None = None

    def descriptor(self) -> ParameterDescriptor:
        """Return what ``ros2 param describe`` shows."""
        text = self.description + (f" [{self.unit}]" if self.unit else "")
        constraint = f"one of: {', '.join(self.choices)}" if self.choices else ""
        message = ParameterDescriptor(
            name=self.name, description=text, read_only=not self.changeable,
            additional_constraints=constraint,
        )
        if self.minimum is not None or self.maximum is not None:
            if isinstance(self.default, int):
                low = -(2**31) if self.minimum is None else int(self.minimum)
                high = 2**31 - 1 if self.maximum is None else int(self.maximum)
                message.integer_range = [IntegerRange(from_value=low, to_value=high)]
            else:
                low = -1e9 if self.minimum is None else float(self.minimum)
                high = 1e9 if self.maximum is None else float(self.maximum)
                message.floating_point_range = [
                    FloatingPointRange(from_value=low, to_value=high)]
        return message

    def problem(self, value: Any) -> str:
        """Return why `value` cannot be taken, or an empty string."""
        if self.choices and value not in self.choices:
            return f"{self.name}: {value!r} is not one of {', '.join(self.choices)}"
        try:
            if self.check is not None:
                self.check(value)
        except ValueError as error:
            return f"{self.name}: {error}"
        return ""


def declare(
    node: Node, table: Sequence[Parameter],
    on_change: Callable[[str, Any], None] | None = None,
) -> SimpleNamespace:
    """Declare `table` on `node` and return the values as attributes.

    The attributes follow the parameters that are `changeable`; `on_change` is called after each.

    Raises
    ------
    ParameterError
        A name given from outside that the node does not have (nearest and all valid ones are
        listed), or a value of the wrong type, out of range, or not among the choices.
    """
    known = {parameter.name: parameter for parameter in table}
    given = getattr(node, "_parameter_overrides", {})
    for name in given:
        if name not in known and not name.startswith(_OF_ROS):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ParameterError(
                f"{node.get_name()} has no parameter {name!r}.{hint} "
                f"Valid ones: {', '.join(sorted(known))}.")
    values = SimpleNamespace()
    for parameter in table:
        if parameter.name in given:
            given[parameter.name] = _as_meant(parameter, given[parameter.name])
        try:
            value = node.declare_parameter(
                parameter.name, parameter.default, parameter.descriptor()).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise ParameterError(_explain(parameter, node, error)) from error
        if problem := parameter.problem(value):
            raise ParameterError(problem)
        setattr(values, parameter.name, value)

    def refuse(parameters: Sequence[Any]) -> SetParametersResult:
        for changed in parameters:
            parameter = known.get(changed.name)
            if parameter and (problem := parameter.problem(changed.value)):
                return SetParametersResult(successful=False, reason=problem)
        return SetParametersResult(successful=True)

    def follow(parameters: Sequence[Any]) -> None:
        for changed in parameters:
            if changed.name in known:
                setattr(values, changed.name, changed.value)
                if on_change:
                    on_change(changed.name, changed.value)

    node.add_on_set_parameters_callback(refuse)
    node.add_post_set_parameters_callback(follow)
    return values


def _as_meant(parameter: Parameter, given: ParameterValue) -> ParameterValue:
    # `-p source:=0` and `-p rate:=30` arrive as integers; the first means text, the second a real
    # number, and neither can be mistaken.
    if given.type_ == ParameterValue.Type.INTEGER and isinstance(parameter.default, str | float):
        return ParameterValue(given.name, value=type(parameter.default)(given.value))
    return given


def _explain(parameter: Parameter, node: Node, error: Exception) -> str:
    given = node._parameter_overrides.get(parameter.name)
    wants = type(parameter.default).__name__
    limits = "" if parameter.minimum is None and parameter.maximum is None else (
        f" from {parameter.minimum} to {parameter.maximum}")
    unit = f" {parameter.unit}" if parameter.unit else ""
    value = getattr(given, "value", given)
    return (f"{node.get_name()}: {parameter.name} = {value!r} cannot be taken: "
            f"it is a {wants}{limits}{unit}.")
