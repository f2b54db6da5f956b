"""The controls of a form as HTML's standard has them: kinds, values and owners, before anybody types."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from fastphx.liveview.document import TABLE_PARTS, Document, Element

CONTROLS = ("button", "input", "select", "textarea")
_ANY_CONTROL = ",".join(CONTROLS)

CHECKABLE = ("checkbox", "radio")
"""They have ``checked``, and one without it has no value."""

_LINES_OF_TEXT = ("text", "search", "tel", "url", "email", "password", "number")
_DATES = ("date", "time", "datetime-local", "month", "week")

TEXTUAL = frozenset((*_LINES_OF_TEXT, *_DATES, "color", "range", "textarea"))
"""A person types into these."""

_BUTTONS = ("submit", "image", "reset", "button")
_INPUT_TYPES = frozenset(
    (*_LINES_OF_TEXT, *_DATES, *_BUTTONS, *CHECKABLE, "color", "range", "hidden", "file")
)

_WELL_FORMED = {
    "number": re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z"),
    "date": re.compile(r"[0-9]{4,}-[0-9]{2}-[0-9]{2}\Z"),
    "month": re.compile(r"[0-9]{4,}-[0-9]{2}\Z"),
    "week": re.compile(r"[0-9]{4,}-W[0-9]{2}\Z"),
    "time": re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?\Z"),
    "datetime-local": re.compile(
        r"[0-9]{4,}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?\Z"
    ),
    "color": re.compile(r"#[0-9a-fA-F]{6}\Z"),
    "range": re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z"),
}
_EMPTY = {"color": "#000000", "range": "50"}
_LINE_ENDS = re.compile(r"[\r\n]")
_SPACES = re.compile(r"[ \t\n\f\r]+")


def is_control(element: Element) -> bool:
    """Whether the element can stand in a form's data."""
    return element.tag in CONTROLS


def kind(control: Element) -> str:
    """``type`` as HTML reads it: ``text`` for one that does not exist, ``submit`` for a button without."""
    given = (control.get("type") or "").lower()
    match control.tag:
        case "input":
            return given if given in _INPUT_TYPES else "text"
        case "button":
            return given if given in ("reset", "button") else "submit"
        case _:
            return control.tag


def is_submitter(control: Element) -> bool:
    """Whether a click on it submits its form."""
    return control.tag in ("button", "input") and kind(control) in ("submit", "image")


def sanitized(text: str, of_kind: str) -> str:
    """What an input of that kind makes of a value: no line ends, and nothing if it is malformed."""
    if of_kind == "textarea":
        return text.replace("\r\n", "\n").replace("\r", "\n")
    if of_kind in ("hidden", *_BUTTONS, *CHECKABLE):
        return text
    text = _LINE_ENDS.sub("", text)
    if of_kind in ("url", "email"):
        text = text.strip(" \t\f")
    form = _WELL_FORMED.get(of_kind)
    if form is not None and not form.match(text):
        return _EMPTY.get(of_kind, "")
    return text.lower() if of_kind == "color" else text


def default_value(control: Element) -> str:
    """The value as the HTML says it. That of a ``select`` is none of these: see :func:`options`."""
    if control.tag == "textarea":
        return sanitized(control.raw_text, "textarea")
    of_kind = kind(control)
    if of_kind == "file":
        return ""
    value = control.get("value")
    if value is None:
        return "on" if of_kind in CHECKABLE else _EMPTY.get(of_kind, "")
    return value if control.tag == "button" else sanitized(value, of_kind)


def other_value(element: Element) -> str | int | float | None:
    """The ``value`` that JavaScript finds at an element that is no control: a list item has a number, and a
    ``div`` has none."""
    given = element.get("value")
    match element.tag:
        case "li":
            found = re.match(r"[ \t\n\f\r]*([-+]?[0-9]{1,9})", given or "")
            return int(found[1]) if found else 0
        case "progress" | "meter":
            try:
                number = float(given or "0")
            except ValueError:
                number = 0.0
            return int(number) if number.is_integer() else number if math.isfinite(number) else 0
        case "data" | "param":
            return given or ""
        case "output":
            return element.raw_text
        case "option":
            return option_value(element)
        case _:
            return None


def options(select: Element) -> list[Element]:
    """The options of a ``select``, those in groups too."""
    return [each for each in select.select("option") if _select_around(each) == select]


def _select_around(option: Element) -> Element | None:
    return next((each for each in option.lineage() if each.tag == "select"), None)


def option_value(option: Element) -> str:
    """Its ``value``, or its text without spaces around it."""
    value = option.get("value")
    return _SPACES.sub(" ", option.raw_text).strip() if value is None else value


def is_disabled_option(option: Element) -> bool:
    """Whether it, or the group around it, is disabled."""
    around = option.parent
    return option.has("disabled") or (
        around is not None and around.tag == "optgroup" and around.has("disabled")
    )


def default_selected(select: Element) -> list[int]:
    """Which options are selected as the HTML says it, by their index: without a word of it, a ``select`` of
    one line has its first one that is not disabled."""
    listed = options(select)
    marked = [index for index, option in enumerate(listed) if option.has("selected")]
    if select.has("multiple"):
        return marked
    if marked:
        return marked[-1:]
    if (select.get("size") or "1").strip() not in ("1", "0", ""):
        return []
    return next(([index] for index, option in enumerate(listed) if not is_disabled_option(option)), [])


def owner(control: Element) -> Element | None:
    """The form that a control belongs to: that of its ``form`` attribute, else the one around it."""
    named = control.get("form")
    if named is not None:
        form = control.document.by_id(named) if named else None
        return form if form is not None and form.tag == "form" else None
    around = next((each for each in control.lineage() if each.tag == "form"), None)
    return around or _form_of_the_table(control)


def _form_of_the_table(control: Element) -> Element | None:
    """A form right in a table is empty: the parser leaves the controls that follow it there to it."""
    if not control.document.has_table_forms:
        return None
    for each in control.lineage():
        around = each.parent
        if around is not None and around.tag in TABLE_PARTS:
            form = next((before for before in each.siblings_before() if before.tag == "form"), None)
            if form is not None:
                return form
    return None


def controls_of(form: Element) -> Iterator[Element]:
    """The controls of a form in the order of the document, those with a ``form`` attribute too."""
    document: Document = form.document
    elsewhere = (form.id is not None and bool(document.with_attribute("form", form.id))) or (
        form.parent is not None and form.parent.tag in TABLE_PARTS
    )
    within = document.select(_ANY_CONTROL) if elsewhere else form.select(_ANY_CONTROL)
    for control in within:
        if owner(control) == form:
            yield control


def is_suggestion(control: Element) -> bool:
    """Whether it stands in a ``datalist``, and is no part of a form's data."""
    return control.document.has_datalists and any(each.tag == "datalist" for each in control.lineage())


def labelled(label: Element) -> Element | None:
    """The control that a click on a label goes on to."""
    named = label.get("for")
    if named is not None:
        control = label.document.by_id(named)
        return control if control is not None and is_control(control) else None
    return next((each for each in label.select(",".join(CONTROLS)) if kind(each) != "hidden"), None)
