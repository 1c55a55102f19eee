"""The steps of API keys and sessions."""

from world import Step, World, expect_error

from groundwork_client.models import ApiKeyCreate, UserCreate


def api_key(world: World, step: Step) -> None:
    world.kept.key = world.admin.api_keys.create(ApiKeyCreate(**step["key"]))
    assert world.kept.key.scopes == step["expect"]["scopes"]
    with world.with_key as service:
        assert service.users.me().email == step["expect"]["email"]


def insufficient_scope(world: World, step: Step) -> None:
    with world.with_key as service:
        expect_error(lambda: service.users.create(UserCreate(**step["body"])), step["expect"])


def deleted_api_key(world: World, step: Step) -> None:
    world.admin.api_keys.delete(world.kept.key.id)
    with world.with_key as service:
        expect_error(service.users.me, step["expect"])


def sessions(world: World, step: Step) -> None:
    world.kept.other = world.another_session()
    found = list(world.user.auth.sessions_list())
    others = [session for session in found if not session.is_current]
    assert len(found) == step["expect"]["count"]
    assert len(found) - len(others) == step["expect"]["current"]
    world.kept.other_id = others[0].id


def revoked_session(world: World, step: Step) -> None:
    world.user.auth.sessions_revoke(world.kept.other_id)
    expect_error(world.kept.other.users.me, step["expect"])


def logout_all(world: World, step: Step) -> None:
    other = world.another_session()
    world.user.auth.logout_all()
    world.user.users.me()
    expect_error(other.users.me, step["expect"])
