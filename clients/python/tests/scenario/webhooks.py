"""The steps of webhooks."""

from world import Step, World

from groundwork_client import WebhookError, verify_webhook
from groundwork_client.models import UserCreate, WebhookCreate


def webhook(world: World, step: Step) -> None:
    made = world.admin.webhooks.create(WebhookCreate(url=world.receiver, events=step["events"]))
    world.kept.webhook = made
    world.admin.users.create(UserCreate(**step["body"]))
    message = world.message()
    verify_webhook(made.secret, message.headers, message.content)
    event = message.json()
    assert event["type"] == step["expect"]["type"]
    assert event["data"]["email"] == step["expect"]["email"]
    try:
        verify_webhook(made.secret, message.headers, message.content + b" ")
    except WebhookError as error:
        assert error.problem == step["expect"]["changed"]
    else:
        raise AssertionError("a changed message is accepted")


def rotated_secret(world: World, step: Step) -> None:
    old = world.kept.webhook
    new = world.admin.webhooks.rotate_secret(old.id)
    world.admin.webhooks.test(old.id)
    message = world.message()
    assert message.json()["type"] == step["expect"]["type"]
    secrets = {new.secret, old.secret}
    for secret in secrets:
        verify_webhook(secret, message.headers, message.content)
    assert len(secrets) == step["expect"]["secrets"]
