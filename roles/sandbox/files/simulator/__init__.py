# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A simulator of two cloud APIs, ACK (CS) and OSS, for the sandbox. README.md says what it does and does not."""
