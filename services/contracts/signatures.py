"""What a service's Protocol says about each RPC: its parameters as a Struct, its answer as a type."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints

import msgspec

from services.contracts.errors import InvalidInput


@dataclass(frozen=True)
class Signature:
    """One RPC. `parameters` is a Struct type that refuses unknown names; `result` may be None's type."""

    name: str
    parameters: type[msgspec.Struct]
    result: Any
    text: str
    summary: str

    def accept(self, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Validated arguments by name. Raises InvalidInput with the path of what is wrong."""
        names = self.parameters.__struct_fields__
        if len(args) > len(names) or set(names[: len(args)]) & set(kwargs):
            raise InvalidInput(f"{self.name} takes {', '.join(names) or 'nothing'}, each once.")
        try:
            values = msgspec.convert({**dict(zip(names, args, strict=False)), **kwargs}, self.parameters)
        except msgspec.ValidationError as error:
            raise InvalidInput(str(error)) from error
        return {name: getattr(values, name) for name in names}


@cache
def signatures(protocol: type) -> dict[str, Signature]:
    """Every RPC of a service's Protocol, by name."""
    methods = inspect.getmembers(protocol, inspect.isfunction)
    return {name: _signature(name, method) for name, method in methods if not name.startswith("_")}


def _signature(name: str, method: Callable[..., Any]) -> Signature:
    hints = get_type_hints(method, include_extras=True)
    fields: list[tuple[Any, ...]] = []
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        default: tuple[Any, ...] = () if parameter.default is inspect.Parameter.empty else (parameter.default,)
        fields.append((parameter.name, hints[parameter.name], *default))
    parameters = msgspec.defstruct(f"{name}_parameters", fields, kw_only=True, forbid_unknown_fields=True, frozen=True)
    shown = ", ".join(_shown(field) for field in fields)
    summary = (inspect.getdoc(method) or "").split("\n")[0]
    return Signature(name, parameters, hints["return"], f"{name}({shown}) -> {_name(hints['return'])}", summary)


def _shown(field: tuple[Any, ...]) -> str:
    name, kind = field[:2]
    default = f" = {field[-1]!r}" if len(field) > len((name, kind)) else ""
    return f"{name}: {_name(kind)}{default}"


def _name(kind: Any) -> str:
    """A type as a person writes it, without the bounds that Annotated adds."""
    if hasattr(kind, "__metadata__"):
        return _name(kind.__origin__)
    arguments: tuple[Any, ...] = getattr(kind, "__args__", ())
    if getattr(kind, "__origin__", None) is list:
        return f"list[{_name(arguments[0])}]"
    if arguments:
        return " | ".join(_name(argument) for argument in arguments)
    return "None" if kind is type(None) else getattr(kind, "__name__", str(kind))
