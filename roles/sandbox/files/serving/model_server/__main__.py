# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line: `python -m model_server` with the flags of tensorflow_model_server."""

import sys

from model_server.main import main

sys.exit(main(sys.argv[1:]))
