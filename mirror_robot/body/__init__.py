# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A robot's body: its description, kinematics, profile and retargeting."""
