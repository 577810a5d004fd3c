"""Write the settings table into README.md, from `AblySettings`: `python scripts/readme.py`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from temporal_ably import AblySettings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- settings: written by scripts/readme.py -->\n", "<!-- /settings -->"


def settings_table() -> str:
    """Give the table: one row a setting."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in AblySettings.model_fields.items():
        rows.append(f"| `ABLY_{name.upper()}` | {_default(field)} | {field.description or ''}{_choices(field)} |")
    return "\n".join(rows) + "\n"


def _default(field: FieldInfo) -> str:
    default: object = field.default
    if default is None:
        return "unset"
    if isinstance(default, bool):
        default = int(default)
    elif isinstance(default, timedelta):
        default = f"{default.total_seconds():g}"
    elif isinstance(default, float):
        default = f"{default:g}"
    return f"`{default}`"


def _choices(field: FieldInfo) -> str:
    if get_origin(field.annotation) is not Literal:
        return ""
    return f" One of {', '.join(f'`{choice}`' for choice in get_args(field.annotation))}."


def with_table(text: str) -> str:
    """Give a README with the table put in."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + settings_table() + END + tail


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
