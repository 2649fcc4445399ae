# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Movement primitives and the repertoire: learn, store, generate."""
