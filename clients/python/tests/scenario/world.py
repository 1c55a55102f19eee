"""What the steps share: the data of the scenario, the sessions, and what the helpers reported."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from groundwork_client import Groundwork, GroundworkError, Session
from groundwork_client.models import ApiKeyWithSecret, User, WebhookWithSecret

# A step of the data. Its values depend on the step.
Step = dict[str, Any]


@dataclass(init=False)
class Kept:
    """What later steps need of earlier ones."""

    key: ApiKeyWithSecret
    other: Session
    other_id: str
    user: User
    etag: str
    webhook: WebhookWithSecret


class World:
    """What the steps share."""

    def __init__(self) -> None:
        self.url = os.environ["GROUNDWORK_URL"]
        self.scenario: dict[str, Any] = json.loads(Path(os.environ["GROUNDWORK_SCENARIO"]).read_text())
        # The address for a webhook whose messages `message` returns.
        self.receiver = os.environ["GROUNDWORK_RECEIVER"]
        self._control = os.environ["GROUNDWORK_CONTROL"]
        self.anonymous = Groundwork(self.url)
        self.refreshes = 0
        self.retries = 0
        self.admin_requests = 0
        # The header `Idempotency-Replayed` of the admin's last response.
        self.replayed: str | None = None
        # What later steps need of earlier ones.
        self.kept = Kept()
        self._user: Session | None = None
        self._admin: Session | None = None

    def login(self) -> Session:
        self._user = self.another_session()
        return self._user

    def another_session(self) -> Session:
        """Open one more session of the user."""
        user = self.scenario["user"]
        return Session.login(
            self.url,
            user["email"],
            user["password"],
            on_refresh=self._refreshed,
            on_retry=lambda _: self._retried(),
        )

    @property
    def user(self) -> Session:
        assert self._user, "the step login comes first"
        return self._user

    @property
    def admin(self) -> Session:
        if self._admin is None:
            admin = self.scenario["seed"]["admin"]
            self._admin = Session.login(self.url, admin["email"], admin["password"], on_retry=lambda _: self._retried())
            self._admin.client.get_httpx_client().event_hooks = {"response": [self._answered]}
        return self._admin

    @property
    def with_key(self) -> Groundwork:
        """A client with the API key that a step has kept."""
        return Groundwork(self.url, api_key=self.kept.key.key)

    def advance(self, seconds: int) -> None:
        httpx.post(f"{self._control}/advance", params={"seconds": seconds}).raise_for_status()

    def lose_response(self) -> None:
        """Lose the next response to a request with an `Idempotency-Key`."""
        httpx.post(f"{self._control}/lose").raise_for_status()

    def message(self) -> httpx.Response:
        """Get the next webhook message: the headers and the body that its receiver gets."""
        return httpx.get(f"{self._control}/message", timeout=60).raise_for_status()

    def _answered(self, response: httpx.Response) -> None:
        self.admin_requests += 1
        self.replayed = response.headers.get("Idempotency-Replayed")

    def _refreshed(self) -> None:
        self.refreshes += 1

    def _retried(self) -> None:
        self.retries += 1


def expect_error(call: Callable[[], object], expected: Step) -> GroundworkError:
    try:
        call()
    except GroundworkError as error:
        assert (error.status, error.code) == (expected["status"], expected["error"]), error
        return error
    raise AssertionError(f"no error: {expected}")
