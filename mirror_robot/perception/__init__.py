# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Camera sources, landmark workers and tracking: from images to observations of people."""
