# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The command `mirror_robot`."""

from mirror_robot.console.main import main

__all__ = ["main"]
