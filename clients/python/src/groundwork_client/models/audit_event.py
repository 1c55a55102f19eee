from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="AuditEvent")


@_attrs_define
class AuditEvent:
    """What was done to a user or a resource.

    Attributes:
        id (int): The event's ID. It is never reused.
        kind (str): What was done. Later releases add kinds.
        actor_id (int | None): The user who did it; null for an unknown client and for the command line.
        api_key_id (int | None): The API key that the user did it with, or null if there was none. It may have been
            deleted
            since.
        user_id (int | None): The user to whom it was done, or to whom the resource belongs; null if there is none. The
            user
            may have been deleted since.
        resource_id (int | None): The ID of the other resource, or null. The kind says of which sort it is.
        session_id (None | str): The session in which or to which it was done, or null if none is recorded.
        ip (str): The address of the client.
        request_id (str): The ID of the request, as in the logs. One that the client has chosen begins with `client/`;
            the command line has `local/command-line`.
        created_at (datetime.datetime): When it was done.
    """

    id: int
    kind: str
    actor_id: int | None
    api_key_id: int | None
    user_id: int | None
    resource_id: int | None
    session_id: None | str
    ip: str
    request_id: str
    created_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        kind = self.kind

        actor_id: int | None
        actor_id = self.actor_id

        api_key_id: int | None
        api_key_id = self.api_key_id

        user_id: int | None
        user_id = self.user_id

        resource_id: int | None
        resource_id = self.resource_id

        session_id: None | str
        session_id = self.session_id

        ip = self.ip

        request_id = self.request_id

        created_at = self.created_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "kind": kind,
                "actor_id": actor_id,
                "api_key_id": api_key_id,
                "user_id": user_id,
                "resource_id": resource_id,
                "session_id": session_id,
                "ip": ip,
                "request_id": request_id,
                "created_at": created_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        kind = d.pop("kind")

        def _parse_actor_id(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        actor_id = _parse_actor_id(d.pop("actor_id"))

        def _parse_api_key_id(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        api_key_id = _parse_api_key_id(d.pop("api_key_id"))

        def _parse_user_id(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        user_id = _parse_user_id(d.pop("user_id"))

        def _parse_resource_id(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        resource_id = _parse_resource_id(d.pop("resource_id"))

        def _parse_session_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        session_id = _parse_session_id(d.pop("session_id"))

        ip = d.pop("ip")

        request_id = d.pop("request_id")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        audit_event = cls(
            id=id,
            kind=kind,
            actor_id=actor_id,
            api_key_id=api_key_id,
            user_id=user_id,
            resource_id=resource_id,
            session_id=session_id,
            ip=ip,
            request_id=request_id,
            created_at=created_at,
        )

        audit_event.additional_properties = d
        return audit_event

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
