"""Declarations in YAML, read strictly: an unknown key, a key given twice or a value of another type is refused."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError


class DeclarationError(ValueError):
    """A declaration is wrong: file, path of the key, and what is expected, one problem a line."""


class Strict(BaseModel):
    """A part of a declaration: no key beside its fields, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Loader(yaml.SafeLoader):
    """Safe loading; a mapping with the same key twice is an error instead of a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Model = TypeVar("_Model", bound=BaseModel)


def load_yaml(path: Path) -> Any:
    """The document in this file. DeclarationError, naming file and line, for one that is not well formed."""
    try:
        with path.open(encoding="utf-8") as file:
            return yaml.load(file, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path.name}: not well-formed YAML: {error}") from None


def parse(model: type[_Model], data: object, file: str) -> _Model:
    """The data as this model. DeclarationError naming file, path of key and what is expected, for all that differs."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            expected = "unknown key" if problem["type"] == "extra_forbidden" else problem["msg"]
            lines.append(f"{file}: {_path(data, problem['loc'])}: {expected}")
        raise DeclarationError("\n".join(lines)) from None


def _path(data: object, location: tuple[int | str, ...]) -> str:
    """The path of a key as a person would say it: an item of a list by its name where it has one."""
    path, current = "", data
    for step in location:
        if isinstance(step, int) and isinstance(current, list) and step < len(current):
            current = current[step]
            named = current if isinstance(current, dict) else {}
            name = next(
                (named[key] for key in ("name", "id", "property", "value") if isinstance(named.get(key), str)), step
            )
            path += f"[{name}]"
        else:
            current = current.get(step) if isinstance(current, dict) else None
            path += f".{step}" if path else str(step)
    return path or "the document"
