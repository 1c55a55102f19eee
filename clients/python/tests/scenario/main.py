"""Runs clients/scenario.json: one function per step, in the order and with the values of the data."""

import sys
from collections.abc import Callable

import access
import steps
import webhooks
import writes
from world import Step, World

STEPS: dict[str, Callable[[World, Step], None]] = {
    "register": steps.register,
    "duplicate": steps.duplicate,
    "invalid": steps.invalid,
    "login": steps.login,
    "me": steps.me,
    "patch_absent": steps.patch_absent,
    "patch_null": steps.patch_null,
    "forbidden": steps.forbidden,
    "pages": steps.all_pages,
    "not_found": steps.not_found,
    "sorted_pages": steps.sorted_pages,
    "api_key": access.api_key,
    "insufficient_scope": access.insufficient_scope,
    "deleted_api_key": access.deleted_api_key,
    "sessions": access.sessions,
    "revoked_session": access.revoked_session,
    "logout_all": access.logout_all,
    "lost_response": writes.lost_response,
    "own_key": writes.own_key,
    "reused_key": writes.reused_key,
    "fresh_etag": writes.fresh_etag,
    "stale_etag": writes.stale_etag,
    "webhook": webhooks.webhook,
    "rotated_secret": webhooks.rotated_secret,
    "expired_token": steps.expired_token,
    "rate_limited": steps.rate_limited,
    "logout": steps.logout,
}


def main() -> None:
    world = World()
    data: list[Step] = world.scenario["steps"]
    names = [step["step"] for step in data]
    assert names == list(STEPS), f"the data has {names}, this runner {list(STEPS)}"
    for step in data:
        STEPS[step["step"]](world, step)
        sys.stdout.write(f"step {step['step']}\n")


if __name__ == "__main__":
    main()
