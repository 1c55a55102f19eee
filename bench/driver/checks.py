"""Verifies that all contenders give the same responses; otherwise the comparison would mean nothing."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass

from .contenders import Contender, Running
from .scenarios import Scenario

#: Values that a request creates differ between requests: ids, tokens, instants.
MADE_BY_THE_REQUEST = [
    (re.compile(rb'"request_id":"[0-9a-f]{32}"'), b'"request_id":"..."'),
    (re.compile(rb'"((?:access|refresh)_token)":"[\w-]+\.[\w-]+\.[\w-]+"'), rb'"\1":"..."'),
    (re.compile(rb'"next_page":"[\w-]+"'), b'"next_page":"..."'),
]
INSTANT = re.compile(rb'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"')
UPDATED_AT = re.compile(rb'"updated_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"')


@dataclass(frozen=True)
class Answer:
    """The compared parts of a response."""

    status: int
    content_type: str | None
    body: bytes


def normalized(scenario: Scenario, body: bytes) -> bytes:
    """The body without the values that the request created."""
    for pattern, replacement in MADE_BY_THE_REQUEST:
        body = pattern.sub(replacement, body)
    if scenario.method == "PATCH":
        body = UPDATED_AT.sub(b'"updated_at":"..."', body)
    return body


def ask(contender: Contender, running: Running, scenario: Scenario) -> Answer:
    """One request of a scenario."""
    headers = {"Authorization": f"Bearer {contender.access}"} if scenario.has_token else {}
    body = scenario.body
    if scenario.is_chain:
        body = json.dumps({"refresh_token": contender.refresh[0]})
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    try:
        connection.request(scenario.method, scenario.path, body, headers)
        response = connection.getresponse()
        raw = response.read()
    finally:
        connection.close()
    if scenario.is_chain and response.status == scenario.status:
        contender.refresh[0] = json.loads(raw)["refresh_token"]
    return Answer(response.status, response.getheader("Content-Type"), normalized(scenario, raw))


def timeless(answer: Answer) -> Answer:
    """A response without its instants."""
    return Answer(answer.status, answer.content_type, INSTANT.sub(b'"..."', answer.body))


def difference(name: str, scenario: Scenario, expected: Answer, found: Answer) -> str | None:
    """The difference to the expected response, if any."""
    if found == expected and found.status == scenario.status:
        return None
    return f"{name} does not answer {scenario.name} as Groundwork does:\n  {expected}\n  {found}"


def can_fail(scenario: Scenario, answer: Answer) -> bool:
    """Verifies that a difference would be found, by seeding one into each part of the response."""
    others = [
        Answer(answer.status + 1, answer.content_type, answer.body),
        Answer(answer.status, "text/plain", answer.body),
        Answer(answer.status, answer.content_type, answer.body.replace(b":", b": ", 1)),
    ]
    return all(difference("none", scenario, answer, other) for other in others)
