"""Writes src/patchsweep/spec.py, the types of specs, from the JSON schema of specs.

    python make_spec.py SCHEMA [OUT]

Without OUT it prints. A type checker and an editor read the types; nothing looks at them when a program runs.
"""

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

HEAD = '''"""The content of a spec as a dict: types made of docs/spec.schema.json by tools/make_spec.py. Do not edit.

docs/spec.md describes every key. `Spec` is the whole; a type checker and an editor know its keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from typing_extensions import NotRequired
'''

WIDTH = 120


class Types:
    """The classes that a schema needs, inner ones first."""

    def __init__(self) -> None:
        self.written: dict[str, str] = {}

    def table(self, name: str, schema: Schema) -> str:
        """A TypedDict of a table's keys; gives its name."""
        required = schema.get("required", [])
        lines = [f"class {name}(TypedDict):", *docstring(schema.get("description", ""), 4, closing=True), ""]
        for key, value in schema["properties"].items():
            kind = self.kind(name.removesuffix("Spec") + camel(key), value)
            lines.append(f"    {key}: {kind}" if key in required else f"    {key}: NotRequired[{kind}]")
            lines += docstring(described(value), 4, closing=True)
        text = "\n".join(lines)
        if self.written.setdefault(name, text) != text:
            raise ValueError(f"two tables would be called {name}")
        return name

    def kind(self, name: str, schema: Schema) -> str:
        """The type of a value."""
        if "properties" in schema:
            return self.table(name, schema)
        if "enum" in schema:
            return literal(schema["enum"])
        if "const" in schema:
            return literal([schema["const"]])
        for several in ("oneOf", "anyOf"):
            if several in schema:
                return union([self.kind(name, one) for one in schema[several]])
        if "pattern" in schema:
            return "str"
        if schema["type"] == "array":
            return f"list[{self.kind(name, schema['items'])}]"
        return {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}[schema["type"]]


def union(kinds: list[str]) -> str:
    """Words first, then all else."""
    words = [word for kind in kinds if kind.startswith("Literal[") for word in json.loads(kind[len("Literal") :])]
    others = [kind for kind in kinds if not kind.startswith("Literal[")]
    return " | ".join(dict.fromkeys([literal(words)] * bool(words) + others))


def literal(words: list[Any]) -> str:
    return f"Literal[{', '.join(json.dumps(word) for word in words)}]"


def described(schema: Schema) -> str:
    text: str = schema.get("description", "")
    if "default" in schema:
        text += f" Default: `{json.dumps(schema['default'])}`."
    return text


def docstring(text: str, indent: int, closing: bool) -> list[str]:
    text = re.sub(r"\s+", " ", text).strip()
    if not text:
        return []
    lines = textwrap.wrap(text, WIDTH - indent - 6)
    lines[0] = '"""' + lines[0]
    lines[-1] += '"""'
    return [" " * indent + line for line in lines]


def camel(key: str) -> str:
    return "".join(part.capitalize() for part in key.split("_"))


def module(schema: Schema) -> str:
    """The text of spec.py."""
    types = Types()
    types.table("Spec", schema)
    return HEAD + "\n\n" + "\n\n\n".join(types.written.values()) + "\n"


def main() -> None:
    text = module(json.loads(Path(sys.argv[1]).read_text()))
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
