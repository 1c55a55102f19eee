"""Verifies a message with the Python library: {"secret", "headers", "body"} on standard input.

Prints the message as JSON; fails with the library's error if the message is forged."""

import json
import sys

from standardwebhooks import Webhook

message = json.load(sys.stdin)
print(json.dumps(Webhook(message["secret"]).verify(message["body"], message["headers"])))
