"""The steps of idempotency keys and conditional requests."""

from world import Step, World, expect_error

from groundwork_client.api.users import users_get
from groundwork_client.models import UserCreate, UserUpdate


def lost_response(world: World, step: Step) -> None:
    users = world.admin.users
    before = world.retries
    world.lose_response()
    user = users.create(UserCreate(**step["body"]))
    assert world.replayed == step["expect"]["replayed"]
    assert user.email == step["expect"]["email"]
    assert world.retries - before == step["expect"]["retries"]
    assert len(users.list(email=user.email).page().items) == step["expect"]["count"]


def own_key(world: World, step: Step) -> None:
    body, key = UserCreate(**step["body"]), step["idempotency_key"]
    first = world.admin.users.create(body, idempotency_key=key)
    assert world.replayed is None
    second = world.admin.users.create(body, idempotency_key=key)
    assert world.replayed == step["expect"]["replayed"]
    assert len({first.id, second.id}) == step["expect"]["users"]
    world.kept.user = first


def reused_key(world: World, step: Step) -> None:
    body, key = UserCreate(**step["body"]), step["idempotency_key"]
    expect_error(lambda: world.admin.users.create(body, idempotency_key=key), step["expect"])


def fresh_etag(world: World, step: Step) -> None:
    user = world.kept.user
    # The generated function, because the step needs a header.
    world.kept.etag = users_get.sync_detailed(user.id, client=world.admin.client).headers["ETag"]
    changes = UserUpdate(full_name=step["full_name"])
    changed = world.admin.users.update(user.id, changes, if_match=world.kept.etag)
    assert changed.full_name == step["expect"]["full_name"]


def stale_etag(world: World, step: Step) -> None:
    user, etag = world.kept.user, world.kept.etag
    changes = UserUpdate(full_name=step["full_name"])
    expect_error(lambda: world.admin.users.update(user.id, changes, if_match=etag), step["expect"])
