"""What openapi-generator's validator says of a document without a flaw: validation.py DOCUMENT.

It reports schemas that no path uses as unused, because it does not look into `webhooks`. They are computed here, so that
a schema that nothing uses is still a finding.
"""

import json
import sys
from pathlib import Path

PREFIX = "#/components/schemas/"


def references(value: object) -> set[str]:
    """The names of the schemas that a part of a document refers to by itself."""
    if isinstance(value, list):
        return {name for item in value for name in references(item)}
    if not isinstance(value, dict):
        return set()
    own = value.get("$ref")
    named = {own.removeprefix(PREFIX)} if isinstance(own, str) and own.startswith(PREFIX) else set()
    return named.union(*(references(item) for item in value.values()))


def reachable(value: object, schemas: dict) -> set[str]:
    found: set[str] = set()
    unread = references(value)
    while unread:
        found |= unread
        unread = {name for known in unread for name in references(schemas[known])} - found
    return found


def expected(path: str) -> list[str]:
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    others = {key: value for key, value in document["components"].items() if key != "schemas"}
    of_webhooks = reachable(document.get("webhooks", {}), schemas) - reachable([document["paths"], others], schemas)
    first = f"Validating spec ({path})"
    if not of_webhooks:
        return [first, "No validation issues detected."]
    models = [f"\t- Unused model: {name}" for name in schemas if name in of_webhooks]
    return [first, "Warnings: ", *models, "", f"[info] Spec has {len(models)} recommendation(s)."]


print("\n".join(expected(sys.argv[1])))
