# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""How every node of this package starts, comes up and ends."""

from __future__ import annotations

import functools
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar, cast

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node

from mirror_robot.nodes.parameters import ParameterError
from mirror_robot.nodes.polling import poll_clock

_Transition = TypeVar("_Transition", bound=Callable[..., Any])


def run(make_node: Callable[[], Node]) -> int:
    """Run one node until it is told to stop; return the exit code.

    Ctrl-C and SIGTERM end it cleanly with 0. An error at start that a person can mend (a wrong
    parameter, a missing file) is printed as one line and gives 2.
    """
    # SIGTERM as KeyboardInterrupt: rclpy's own handler shuts the context down first, and a node
    # could no longer publish its last, safe command.
    rclpy.init(signal_handler_options=rclpy.SignalHandlerOptions.NO)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    node = executor = end_clock = None
    try:
        node = make_node()
        end_clock = poll_clock(node)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        _spin(executor, node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (_NotUp, ParameterError, ValueError, OSError) as error:
        if node is not None and not isinstance(error, _NotUp):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        # Impatience, or a launcher that signals the whole group, must not break the orderly end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if executor is not None:
            executor.shutdown()
        if node is not None:
            getattr(node, "close", lambda: None)()
            if end_clock is not None:
                end_clock()
            node.destroy_node()
        if rclpy.ok():
            rclpy.shutdown()
    return 0


def _spin(executor: SingleThreadedExecutor, node: Node) -> None:
    """Spin for good; survive requests that rclpy turns into an exception instead of an answer.

    A lifecycle transition that does not go with the present state (configure what is configured)
    must not end a node that has a robot in its hands.
    """
    while rclpy.ok():
        try:
            # Python hears signals between waits only, and a node may have no timer.
            executor.spin_once(timeout_sec=0.5)
        except _rclpy.RCLError as error:
            if "ransition" not in str(error):
                raise
            node.get_logger().warning(f"refused a lifecycle transition: {error}")


class _NotUp(RuntimeError):
    """A node that should come up by itself could not."""


def tells(transition: _Transition) -> _Transition:
    """Let a lifecycle node say why a transition of its failed; rclpy drops the exception."""

    @functools.wraps(transition)
    def call(node: LifecycleNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except (ParameterError, ValueError, OSError) as error:
            node.get_logger().error(str(error))
            raise
        except Exception:
            node.get_logger().error(traceback.format_exc())
            raise

    return cast(_Transition, call)


def bring_up(node: LifecycleNode) -> None:
    """Configure and activate a lifecycle node by itself as soon as it spins.

    Without a lifecycle manager a user would have to call two services by hand; where there is one,
    the node's ``autostart`` parameter is set to false. A node that breaks while it comes up ends:
    it would look as if it were there.
    """

    def step() -> None:
        timer.cancel()
        node.destroy_timer(timer)
        for trigger in (node.trigger_configure, node.trigger_activate):
            result = trigger()
            if result == TransitionCallbackReturn.ERROR:
                raise _NotUp(f"{node.get_name()} cannot come up; what it said before tells why")
            if result != TransitionCallbackReturn.SUCCESS:
                break  # it waits to be told better, as for another source

    timer = node.create_timer(0.0, step)
