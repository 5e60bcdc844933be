"""Secret values: files of them, and asking for those that a snapshot was written without."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ..engine.errors import InvalidInput
from .session import Session

FIELD = "--secrets"
OUT = "--secrets-out"
_MAX_BYTES = 64 * 1024 * 1024

Given = Annotated[
    Path | None,
    typer.Option(
        FIELD,
        metavar="FILE",
        help="Secret values: YAML, label: value. Stored encrypted or not at all.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        OUT,
        metavar="FILE",
        help="Where to write the snapshot's secret values, those left out of it being asked for.",
        show_default=False,
    ),
]


def read_secrets(path: Path | None) -> dict[str, bytes]:
    """Return what a file of secrets holds. Raises `InvalidInput`, which quotes no value."""
    if path is None:
        return {}
    import yaml

    from ..archives.format import Malformed, check_label

    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(FIELD, f"cannot read {path}: {error.strerror}") from error
    try:
        found: Any = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no such day, 5,000 digits
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise InvalidInput(FIELD, f"{path}{where} is not YAML") from None
    if not isinstance(found, dict) or len(content) > _MAX_BYTES:
        raise InvalidInput(FIELD, f"{path} is no mapping from labels to values")
    for label, value in found.items():
        if not isinstance(label, str) or not isinstance(value, str | bytes):
            raise InvalidInput(FIELD, f"{path}: the value of {label!r} is no text; put it in quotes")
        try:
            check_label(label)
        except Malformed as error:
            raise InvalidInput(FIELD, f"{path}, {label!r:.40}: {error}") from error
    return {label: value if isinstance(value, bytes) else value.encode() for label, value in found.items()}


def completed(
    session: Session, known: Mapping[str, bytes], omitted: Collection[str], given: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Return all secrets of a snapshot: those `known` from it, those left out of it given or asked for.

    Raises `InvalidInput` for one that is not the snapshot's, and where one is missing and nobody is there.
    """
    wanted = [label for label in omitted if label not in known]
    if strangers := sorted(set(given) - set(wanted) - set(known)):
        raise InvalidInput(FIELD, f"the snapshot has no secret {strangers[0]}", advice=_named(wanted))
    from .passphrases import hidden, unseen

    missing = [label for label in wanted if label not in given]
    if missing and not session.interactive:
        raise InvalidInput(
            FIELD,
            f"the snapshot was written without {_named(missing)}",
            advice=f"{FIELD} FILE      YAML with their values; at a terminal they are asked for",
        )
    asked = {}
    if missing:
        with unseen():
            asked = {label: hidden(f"{label} (hidden): ").encode() for label in missing}
    return dict(sorted({**known, **given, **asked}.items()))


def _named(labels: Collection[str]) -> str:
    shown = list(labels)[:5]
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return ", ".join(shown) + more


def refuse_unwritable(path: Path | None) -> None:
    """Raise `InvalidInput` where secrets could not be written, before anything is done."""
    if path is None:
        return
    if os.path.lexists(path):
        raise InvalidInput(OUT, f"{path} exists, and is not written over", advice="choose another name")
    if not path.parent.is_dir():
        raise InvalidInput(OUT, f"there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise InvalidInput(OUT, f"nothing can be written into {path.parent}")


def write_secrets(path: Path, secrets: Mapping[str, bytes]) -> None:
    """Write a new file that only its owner may read. Raises `InvalidInput` where there is one."""
    import yaml

    values = {label: _text(value) for label, value in secrets.items()}
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yaml.safe_dump(values, file, allow_unicode=True, default_flow_style=False)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise InvalidInput(OUT, f"{path} exists, and is not written over") from error
    except OSError as error:
        raise InvalidInput(OUT, f"cannot write {path}: {error.strerror}") from error


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
