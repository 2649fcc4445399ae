# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The demo: clips through the whole loop, what was understood in lines, figures and a video."""
