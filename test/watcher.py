# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Somebody who has the live page open, without a browser; for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import viser
from viser import _messages
from websockets.sync.client import connect


class Watcher:
    """What a browser is to the page, as far as the page can tell."""

    def __init__(self, address: str, **options: Any) -> None:
        self._socket = connect(
            address.replace("http", "ws", 1).partition("?")[0], max_size=None, compression=None,
            subprotocols=[f"viser-v{viser.__version__}"], **options)
        camera = _messages.ViewerCameraMessage(
            (1.0, 0.0, 0.0, 0.0), (2.0, 0.0, 1.0), 0.75, 0.01, 1000.0, 900, 1440, (0.0, 0.0, 1.0),
            (0.0, 0.0, 1.0))
        self._socket.send(msgspec.msgpack.encode(camera.as_serializable_dict()))

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def choose(self, handle: Any, value: Any) -> None:
        """Do what a user does to a part of the page."""
        message = _messages.GuiUpdateMessage(handle._impl.uuid, {"value": value})
        self._socket.send(msgspec.msgpack.encode(message.as_serializable_dict()))

    def until(self, condition: Callable[[], bool]) -> bool:
        """Return whether something comes true while the page is read."""
        for _ in range(200):
            if condition():
                return True
            try:
                self._socket.recv(timeout=0.05)
            except TimeoutError:
                pass
        return False
