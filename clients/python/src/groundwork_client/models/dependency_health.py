from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.health_status import HealthStatus

T = TypeVar("T", bound="DependencyHealth")


@_attrs_define
class DependencyHealth:
    """The health of a dependency.

    Attributes:
        name (str): The dependency: `database`, `state` (rate limits and the cache), `jobs` (work after the
            response), `replica_1`, `replica_2` and so on.
        status (HealthStatus): The health of the service or of a dependency.
        tier (str): The product in use: `sqlite` or `postgresql`; `in_process`, `redis`, `redis_sentinel` or
            `redis_cluster`.
        latency_ms (float): The response time of the dependency, in milliseconds.
    """

    name: str
    status: HealthStatus
    tier: str
    latency_ms: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        status = self.status.value

        tier = self.tier

        latency_ms = self.latency_ms

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "status": status,
                "tier": tier,
                "latency_ms": latency_ms,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        status = HealthStatus(d.pop("status"))

        tier = d.pop("tier")

        latency_ms = d.pop("latency_ms")

        dependency_health = cls(
            name=name,
            status=status,
            tier=tier,
            latency_ms=latency_ms,
        )

        dependency_health.additional_properties = d
        return dependency_health

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
