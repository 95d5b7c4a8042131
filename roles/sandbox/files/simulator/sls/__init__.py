# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Simple Log Service, as far as logs of clusters are read from it.

Modules, in the order they may import each other: select < kube < edge.
"""
