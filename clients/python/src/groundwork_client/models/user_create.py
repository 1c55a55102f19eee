from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.user_role import UserRole
from ..types import UNSET, Unset

T = TypeVar("T", bound="UserCreate")


@_attrs_define
class UserCreate:
    """The user to create.

    Attributes:
        email (str): The email address. Case, surrounding spaces and character width are normalized.
        password (str): 8 to 128 characters, at most 72 bytes in UTF-8 (the limit of bcrypt), without NUL.
        full_name (str | Unset): The user's full name.
        is_active (bool | Unset): Whether the user can log in. Default: True.
        is_superuser (bool | Unset): The same as the role `superuser`, for clients that know no roles. Default: False.
        role (UserRole | Unset): What a user may do beyond what belongs to it.
        is_verified (bool | Unset): Whether the email address is known to belong to the user. Default: False.
    """

    email: str
    password: str = _attrs_field(repr=False)
    full_name: str | Unset = UNSET
    is_active: bool | Unset = True
    is_superuser: bool | Unset = False
    role: UserRole | Unset = UNSET
    is_verified: bool | Unset = False
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        email = self.email

        password = self.password

        full_name = self.full_name

        is_active = self.is_active

        is_superuser = self.is_superuser

        role: str | Unset = UNSET
        if not isinstance(self.role, Unset):
            role = self.role.value

        is_verified = self.is_verified

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "email": email,
                "password": password,
            }
        )
        if full_name is not UNSET:
            field_dict["full_name"] = full_name
        if is_active is not UNSET:
            field_dict["is_active"] = is_active
        if is_superuser is not UNSET:
            field_dict["is_superuser"] = is_superuser
        if role is not UNSET:
            field_dict["role"] = role
        if is_verified is not UNSET:
            field_dict["is_verified"] = is_verified

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        email = d.pop("email")

        password = d.pop("password")

        full_name = d.pop("full_name", UNSET)

        is_active = d.pop("is_active", UNSET)

        is_superuser = d.pop("is_superuser", UNSET)

        _role = d.pop("role", UNSET)
        role: UserRole | Unset
        if isinstance(_role, Unset):
            role = UNSET
        else:
            role = UserRole(_role)

        is_verified = d.pop("is_verified", UNSET)

        user_create = cls(
            email=email,
            password=password,
            full_name=full_name,
            is_active=is_active,
            is_superuser=is_superuser,
            role=role,
            is_verified=is_verified,
        )

        user_create.additional_properties = d
        return user_create

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
