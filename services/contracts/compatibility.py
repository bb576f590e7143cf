"""Whether one version of the contracts can stand in for another: changes may only add.

What callers send (parameters) must still be accepted; what they are sent (results, events) must still hold what it held.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
# A larger value of these narrows what is accepted; a smaller value of the second group does.
_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def breaking_changes(name: str, old: Schema, new: Schema) -> list[str]:
    """What of the document `old` no longer holds in `new`, each as a line. name: the file's name."""
    if "codes" in old:
        return [f"{name}: code {code} is gone" for code in old["codes"] if code not in new["codes"]]
    if "data" in old:
        return list(_events(name, old, new))
    return list(_service(name, old, new))


def _events(name: str, old: Schema, new: Schema) -> Iterator[str]:
    yield from _Comparison(old, new, sent=False).compare(f"{name}: envelope", old["envelope"], new["envelope"])
    for kind, schema in old["data"].items():
        if kind not in new["data"]:
            yield f"{name}: event {kind} is gone"
        else:
            yield from _Comparison(old, new, sent=False).compare(f"{name}: {kind}", schema, new["data"][kind])


def _service(name: str, old: Schema, new: Schema) -> Iterator[str]:
    for method, schemas in old["methods"].items():
        if method not in new["methods"]:
            yield f"{name}: {method} is gone"
            continue
        fresh = new["methods"][method]
        yield from _Comparison(old, new, sent=True).compare(f"{name}: {method} parameters", schemas["parameters"], fresh["parameters"])
        yield from _Comparison(old, new, sent=False).compare(f"{name}: {method} result", schemas["result"], fresh["result"])


class _Comparison:
    """sent: by callers, who must still be understood; otherwise to them."""

    def __init__(self, old: Schema, new: Schema, sent: bool) -> None:
        self._old = old.get("$defs", {})
        self._new = new.get("$defs", {})
        self._sent = sent

    def compare(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        old, new = _resolved(old, self._old), _resolved(new, self._new)
        if "anyOf" in old or "anyOf" in new:
            yield from self._alternatives(path, old, new)
            return
        if old.get("type") != new.get("type"):
            yield f"{path}: type {old.get('type')} became {new.get('type')}"
            return
        yield from self._values(path, old, new)
        yield from self._properties(path, old, new)
        if "items" in old:
            yield from self.compare(f"{path}[]", old["items"], new.get("items", {}))

    def _alternatives(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        """Each old alternative must have a new one that stands in for it; in what is sent to callers, no new kind may come."""
        olds, news = old.get("anyOf", [old]), new.get("anyOf", [new])
        for choice in olds:
            if not any(not list(self.compare(path, choice, other)) for other in news):
                yield f"{path}: an alternative is gone or changed"
        if not self._sent:
            for choice in news:
                if not any(not list(self.compare(path, other, choice)) for other in olds):
                    yield f"{path}: callers may now be sent what they don't know"

    def _values(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        if gone := set(old.get("enum", ())) - set(new.get("enum") or old.get("enum") or ()):
            yield f"{path}: values {sorted(gone)} are gone"
        if not self._sent:
            return
        if new.get("pattern", old.get("pattern")) != old.get("pattern"):
            yield f"{path}: the pattern changed"
        for bound in _LOWER_BOUNDS:
            if bound in new and new[bound] > old.get(bound, float("-inf")):
                yield f"{path}: {bound} is narrower"
        for bound in _UPPER_BOUNDS:
            if bound in new and new[bound] < old.get(bound, float("inf")):
                yield f"{path}: {bound} is narrower"

    def _properties(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        for name, schema in old.get("properties", {}).items():
            if name not in new.get("properties", {}):
                yield f"{path}.{name} is gone"
            else:
                yield from self.compare(f"{path}.{name}", schema, new["properties"][name])
        before, after = set(old.get("required", ())), set(new.get("required", ()))
        changed = after - before if self._sent else before - after
        for name in sorted(changed):
            yield f"{path}.{name} is {'newly required' if self._sent else 'no longer certain'}"


def _resolved(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return schema
