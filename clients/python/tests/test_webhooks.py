import json
from pathlib import Path
from typing import Any

import pytest

from groundwork_client import WebhookError, WebhookProblem, verify_webhook

CASES = json.loads((Path(__file__).parents[2] / "webhooks.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_message_is_accepted_only_if_it_is_authentic_and_recent(case: dict[str, Any]) -> None:
    named_otherwise = {name.title(): value for name, value in case["headers"].items()}
    for headers in (case["headers"], named_otherwise):
        arguments = (case["secret"], headers, case["body"].encode())
        if case["error"] is None:
            verify_webhook(*arguments, now=case["now"])
        else:
            with pytest.raises(WebhookError) as refused:
                verify_webhook(*arguments, now=case["now"])
            assert refused.value.problem == case["error"]


def test_a_message_of_long_ago_is_refused_by_the_clock_of_the_machine() -> None:
    case = CASES[0]
    with pytest.raises(WebhookError) as refused:
        verify_webhook(case["secret"], case["headers"], case["body"].encode())
    assert refused.value.problem is WebhookProblem.TIMESTAMP
