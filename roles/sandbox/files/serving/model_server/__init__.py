# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A model server with TensorFlow Serving's command line, REST interface and metrics.

Modules, in the order they may import each other: errors, textproto, metrics < flags, batching < model < versions < rest
< main. Only model imports TensorFlow.
"""
