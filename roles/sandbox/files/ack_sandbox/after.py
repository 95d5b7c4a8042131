# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m ack_sandbox.after URL CA_FILE COMMAND...`: become COMMAND once URL answers 200.

Kubernetes' daemons end, or remember a wrong answer, when they start before their API server; this waits in their place.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
import urllib.error
import urllib.request


def main(argv: list[str]) -> None:
    url, ca_file, *command = argv
    context = ssl.create_default_context(cafile=ca_file)
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2, context=context):
                break
        except (OSError, urllib.error.HTTPError):
            time.sleep(0.15)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
