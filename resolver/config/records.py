"""Reading records and what holds for all of them, with everything that is wrong at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from resolver.core.errors import RecordFault, RecordRefused
from resolver.core.lists.document import KEY
from resolver.core.lists.record import MAX_FIELD, MAX_TEXT, Record, Texts
from resolver.core.lists.record_reader import (
    check_contact,
    check_language,
    check_texts,
    record_from_mapping,
)


def _as_in_records(read: Callable[[Any], Texts]) -> Callable[[Any], Texts]:
    """Return a reader of one field whose faults stand where the field does."""

    def validate(value: Any) -> Texts:
        try:
            return read(value)
        except RecordRefused as refused:
            raise _all(refused.faults, value, above=1) from None
        except RecordFault as fault:
            raise PydanticCustomError("record", "{reason}", {"reason": fault.reason}) from None

    return validate


def _record(value: Any) -> Record:
    if not isinstance(value, dict):
        raise ValueError("must be a mapping")
    try:
        return record_from_mapping(value)
    except RecordRefused as refused:
        raise _all(refused.faults, value) from None


def _all(faults: Iterable[RecordFault], value: Any, above: int = 0) -> ValidationError:
    """Return faults within a value, each with the way to it less so many steps, which pydantic knows."""
    said = [
        InitErrorDetails(
            type=PydanticCustomError("record", "{reason}", {"reason": fault.reason}),
            loc=(*fault.place[above:], KEY) if fault.of_key else fault.place[above:],
            input=value,
        )
        for fault in faults
    ]
    return ValidationError.from_exception_data("record", said)


def _organisation(value: Any) -> Texts:
    return check_texts("organisation", value, MAX_FIELD)


def _page_text(value: Any) -> Texts:
    return check_texts("text", value, MAX_TEXT)


Recorded = Annotated[Record, BeforeValidator(_record)]
Language = Annotated[str, BeforeValidator(_as_in_records(check_language))]
Contact = Annotated[str, BeforeValidator(_as_in_records(check_contact))]
Organisation = Annotated[Texts, BeforeValidator(_as_in_records(_organisation))]
PageText = Annotated[Texts, BeforeValidator(_as_in_records(_page_text))]
