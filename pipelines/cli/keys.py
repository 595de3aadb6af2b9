"""The keys of a config, read from its JSON schema: their types in words, defaults, descriptions."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from configs.fields import Frozen

# Keys that have another name now, below the same prefix.
RENAMED = {
    "engine": "execution.engine",
    "processes": "execution.workers",
    "ray_address": "execution.ray_address",
    "loaders": "execution.loaders",
    "attempts": "execution.max_restarts",  # one less
    "weights": "metric_weights",
    "pairs": "n_pairs",
    "views": "participants_per_pair",
}
NULL = {"type": "null"}


@dataclass(frozen=True)
class Key:
    """A key as a person types it, or the mapping that several keys lie in (`type` is then "")."""

    name: str  # dotted; gates[].metric for a key of each entry of gates
    type: str
    about: str
    required: bool = False
    default: Any = None
    command: str | None = None  # whose keys lie in this mapping, where these are another command's


def keys_of(config: type[Frozen]) -> list[Key]:
    """All keys of a config, nested ones behind the mapping that they lie in."""
    schema = config.model_json_schema()
    return list(_walk(schema, schema.get("$defs", {}), ""))


def _walk(schema: dict[str, Any], definitions: dict[str, Any], prefix: str) -> Iterator[Key]:
    for name, field in schema["properties"].items():
        nested = _nested(field, definitions)
        whole = field.get("type") != "array" and nested is not None
        # Pydantic leaves a field's description out where its class says the same.
        about = field.get("description") or (nested or {}).get("description", "")
        yield Key(
            prefix + name,
            "" if whole else in_words(field),
            about,
            name in schema.get("required", ()),
            field.get("default"),
            field.get("command"),
        )
        if nested:
            yield from _walk(nested, definitions, f"{prefix}{name}{'.' if whole else '[].'}")


def _nested(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of the mapping that a field holds, alone or in a list; None for other values."""
    for option in (field, field.get("items", {}), *field.get("anyOf", ())):
        if "$ref" in option:
            return definitions[option["$ref"].rpartition("/")[2]]
    return None


def in_words(schema: dict[str, Any], plural: bool = False) -> str:
    """The type of a value, in words: "integer from 1 to 100", "png, jpeg or webp"."""
    s = "s" if plural else ""
    match schema:
        case {"anyOf": options}:
            kinds = [o.get("enum") or [in_words(o, plural)] for o in options if o != NULL]
            return _either(list(chain(*kinds)))
        case {"enum": choices}:
            return _either([*map(str, choices)])
        case {"const": choice}:
            return choice
        case {"$ref": _}:
            return f"mapping{s}"
        case {"type": "array", "prefixItems": [first, *others]}:
            return f"list{s} of {1 + len(others)} {in_words(first, plural=True)}"
        case {"type": "array", "items": item}:
            least = f"{schema['minItems']} or more " if "minItems" in schema else ""
            return f"list{s} of {least}{in_words(item, plural=True)}"
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "string", "format": "url"}:
            return f"URL{s}"
        case {"type": "string", "format": "date"}:
            return f"date{s}"
        case {"type": "string"}:
            return f"text{s}"
        case {"type": ("integer" | "number") as kind}:
            return f"{kind}{s}{_range(schema)}"
    raise TypeError(f"no words for {schema}")


def _either(kinds: list[str]) -> str:
    *first, last = kinds
    return f"{', '.join(first)} or {last}" if first else last


def _range(schema: dict[str, Any]) -> str:
    match schema:
        case {"minimum": low, "maximum": high}:
            return f" from {low} to {high}"
        case {"minimum": low}:
            return f", at least {low}"
        case {"exclusiveMinimum": low}:
            return f" above {low}"
    return ""
