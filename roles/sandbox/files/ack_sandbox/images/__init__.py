# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sandbox's container images, built without a container engine and pushed to its registry.

A layer is an uncompressed tar, kept in the cache under a key of everything it is made of; an image is a list of
layers and a configuration. Modules, in the order they may import each other: layer < cache, push < debian, python <
recipes.
"""

from __future__ import annotations

from .recipes import build_all, build_base, build_binaries, push_all

__all__ = ["build_all", "build_base", "build_binaries", "push_all"]
