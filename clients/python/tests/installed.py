"""A program in a project that has installed the package."""

import os
import sys

from groundwork_client import Groundwork

with Groundwork(os.environ["GROUNDWORK_URL"]) as service:
    sys.stdout.write(f"{service.health.live().status}\n")
    with service.login("ada@example.com", "correct horse battery staple") as session:
        sys.stdout.write(f"{session.users.me().email}\n")
