"""What the property tests need to know beyond the document: how to log in, and which rules no schema can state."""

import itertools
import json
import os
import subprocess
import urllib.error
import urllib.request

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

URL = os.environ["GROUNDWORK_URL"]
BINARY = os.environ["GROUNDWORK_BIN"]
PASSWORD = "correct horse battery staple"

# Field and rule. A page token is the service's own, the current password is known to its owner alone and needed with a
# new one, which OpenAPI 3.0 has no word for, and JSON Schema counts characters where bcrypt counts bytes. A password is
# compared with the user's email. Beginnings of emails, and which characters of an email or a name are seen, are rules of
# Unicode; a pattern for them in the published schemas would break clients. So would an enumeration of events: a client of
# today would not read a webhook that names an event of a later release, or a key with a later scope. A role and
# `is_superuser` must not contradict each other. Where a host leads is known to its resolver, and which instants
# are in the future to the clock.
INEXPRESSIBLE = {
    ("page_token", "format"),
    ("current_password", "match"),
    ("current_password", "required"),
    ("password", "format"),
    ("password", "own_email"),
    ("email", "format"),
    ("full_name", "format"),
    ("events", "known"),
    ("scopes", "known"),
    ("expires_at", "future"),
    ("role", "consistent"),
    ("url", "destination"),
}

# Schemas allow fields that they do not know. Of these, operations refuse the fields that their caller must not set.
PRIVILEGED = {(field, "refused") for field in ("id", "is_active", "is_superuser", "is_verified", "role")}

numbers = itertools.count(1)


@schemathesis.check
def valid_data_is_accepted(ctx, response, case):
    """The built-in check of accepted data, but for what no schema can state."""
    # Whether a condition holds and whether a key was used before depends on other requests.
    if response.status_code == 412 or response.status_code == 422 and "details" not in response.json():
        return None
    if response.status_code == 422:
        problems = response.json()["details"]["fields"]
        if {(problem["field"], problem["rule"]) for problem in problems} <= INEXPRESSIBLE | PRIVILEGED:
            return None
    # The token of a link is known to the reader of the mail alone.
    if response.status_code == 400 and response.json()["error"] == "invalid_link":
        return None
    return positive_data_acceptance(ctx, response, case)


class Superuser:
    """A superuser who is logged in. The tests end their own session, as anybody may: then it is another one."""

    def __init__(self) -> None:
        self.email = ""
        self.token = ""

    def bearer(self) -> str:
        if not (self.token and self.is_superuser()):
            self.token = self.log_in() or self.start_anew()
        return self.token

    def is_superuser(self) -> bool:
        request = urllib.request.Request(f"{URL}/api/v1/users/me", headers={"Authorization": f"Bearer {self.token}"})
        account = answer(request)
        return account is not None and account["is_superuser"]

    def log_in(self) -> str:
        body = json.dumps({"email": self.email, "password": PASSWORD}).encode()
        request = urllib.request.Request(
            f"{URL}/api/v1/auth/login", data=body, headers={"Content-Type": "application/json"}
        )
        tokens = answer(request) if self.email else None
        return tokens["access_token"] if tokens else ""

    def start_anew(self) -> str:
        self.email = f"root{next(numbers)}@example.com"
        command = [BINARY, "user", "create", "--email", self.email, "--superuser", "--password-stdin"]
        subprocess.run(command, input=PASSWORD.encode(), check=True, stdout=subprocess.DEVNULL)
        return self.log_in()


def answer(request: urllib.request.Request) -> dict | None:
    """The body of a success, or nothing."""
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)
    except urllib.error.HTTPError:
        return None


if os.environ.get("GROUNDWORK_CALLER") == "superuser":
    superuser = Superuser()

    @schemathesis.auth(refresh_interval=None)
    class BearerAuth:
        def get(self, case, context):
            return superuser.bearer()

        def set(self, case, data, context):
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}
