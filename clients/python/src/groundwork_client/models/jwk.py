from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Jwk")


@_attrs_define
class Jwk:
    """A public key: a JSON Web Key.

    Attributes:
        kid (str): The ID of the key, the `kid` of its tokens: its RFC 7638 thumbprint.
        kty (str): The type of the key: `EC` or `OKP`.
        crv (str): The curve: `P-256` or `Ed25519`.
        alg (str): The algorithm of its tokens: `ES256` or `EdDSA`.
        use (str): What the key is for: `sig`, signatures.
        x (str): The x coordinate of the key, or the whole key of Ed25519, in base64url.
        y (str | Unset): The y coordinate of the key, in base64url. Keys of Ed25519 have none.
    """

    kid: str
    kty: str
    crv: str
    alg: str
    use: str
    x: str
    y: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        kid = self.kid

        kty = self.kty

        crv = self.crv

        alg = self.alg

        use = self.use

        x = self.x

        y = self.y

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "kid": kid,
                "kty": kty,
                "crv": crv,
                "alg": alg,
                "use": use,
                "x": x,
            }
        )
        if y is not UNSET:
            field_dict["y"] = y

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        kid = d.pop("kid")

        kty = d.pop("kty")

        crv = d.pop("crv")

        alg = d.pop("alg")

        use = d.pop("use")

        x = d.pop("x")

        y = d.pop("y", UNSET)

        jwk = cls(
            kid=kid,
            kty=kty,
            crv=crv,
            alg=alg,
            use=use,
            x=x,
            y=y,
        )

        jwk.additional_properties = d
        return jwk

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
