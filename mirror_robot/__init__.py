# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Imitation through a mirror system: see a person, re-live it in the robot's own body, act."""

__version__ = "0.1.0"
