# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Subscriptions that a loop empties itself, instead of being woken for every message.

A wake-up of rclpy's executor costs about half a millisecond, whatever the message is. A loop at a
fixed rate that uses messages only when it runs gains nothing from being woken earlier.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

_CLOCK_EVERY = 0.002  # [s]


class _Unattended(CallbackGroup):
    """Tells the executor to leave its entities alone."""

    def can_execute(self, entity: Any) -> bool:
        """Return False: whoever made the subscription looks after it."""
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """Return False, likewise."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """Do nothing: nothing has begun."""


def subscribe_polled(node: Node, kind: type, topic: str, qos: QoSProfile | int) -> Subscription:
    """Return a subscription whose messages `messages` returns; the executor ignores it."""
    return node.create_subscription(
        kind, topic, _ignore, qos, callback_group=_Unattended(),
        event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False))


def messages(subscription: Subscription) -> Iterator[Any]:
    """Yield the messages that wait, oldest first; at most as many as its queue holds."""
    handle = subscription.handle
    with handle:
        for _ in range(max(subscription.qos_profile.depth, 1)):
            taken = handle.take_message(subscription.msg_type, subscription.raw)
            if taken is None:
                return
            yield taken[0]


def poll_clock(node: Node) -> Callable[[], None]:
    """Let a thread of its own follow /clock, as rclcpp's nodes do, instead of the executor.

    Gazebo tells the time at every step of the physics, 1000 times a second; woken for each, an
    executor does little else.

    Parameters
    ----------
    node : Node
        With ``use_sim_time``, else nothing is done. Not being spun meanwhile.

    Returns
    -------
    callable
        Ends the thread; to be called before the node is destroyed.
    """
    clock = next((subscription for subscription in node.subscriptions
                  if subscription.topic_name == "/clock"), None)
    if clock is None:
        return lambda: None
    # With its events: their wait ends with every message, too.
    for entity in (clock, *clock.event_handlers):
        entity.callback_group = _Unattended()
    ended = threading.Event()

    def follow() -> None:
        while not ended.wait(_CLOCK_EVERY):
            try:
                for message in messages(clock):
                    clock.callback(message)
            except _rclpy.InvalidHandle:  # use_sim_time was set to false
                return

    thread = threading.Thread(target=follow, name="clock", daemon=True)
    thread.start()

    def end() -> None:
        ended.set()
        thread.join()

    return end


def _ignore(message: Any) -> None:
    """Do nothing; a subscription must have a callback."""
