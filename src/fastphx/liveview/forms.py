"""The forms of a page as a person has left them: what was typed, checked, selected and used.

The browser keeps this in its elements, over patches of the page. A patch sets every control back to what its
HTML says, but not the one that has the focus: so a value that the server does not render is gone with the
next patch. :class:`LiveForms` keeps the same, by the control's id or its place among those of its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import quote

from fastphx.foreign_text import quoted
from fastphx.liveview.controls import (
    CHECKABLE,
    CONTROLS,
    controls_of,
    default_selected,
    default_value,
    is_disabled_option,
    is_suggestion,
    kind,
    option_value,
    options,
    owner,
    sanitized,
)
from fastphx.liveview.document import COMPONENT, Document, Element
from fastphx.liveview.errors import ElementError
from fastphx.liveview.version import NO_UNUSED_FIELD, UNUSED_FIELDS, Version

MAX_FORM_CONTROLS = 10_000

_NO_UNUSED_FIELD = "phx-no-unused-field"

_NAME_TO_MARK = re.compile(r"([^\[\]]+)(\]?)\Z")
_SURROGATES = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class ChosenFile:
    """A file in a form's data; without a name where none was chosen."""

    name: str = ""
    size_bytes: int = 0


@dataclass(slots=True)
class _Live:
    """What a person has made of a control; None where the HTML still says it."""

    value: str | None = None
    is_checked: bool | None = None
    selected: list[int] | None = None
    files: tuple[ChosenFile, ...] = ()
    html: int | None = None
    """The hash of a select's HTML when it was changed: the focus keeps a choice while that is the same."""
    component_html: int | None = None
    form_html: int | None = None
    """The same of what is around it, which a patch leaves out while it is the same."""


@dataclass(slots=True)
class LiveForms:
    """What a view's page does not say in its HTML. It outlives the documents of the page."""

    typed: dict[str, _Live] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    submitters: dict[str, str] = field(default_factory=dict)
    """With which button each form was submitted last."""
    focused: str | None = None


Entries = list[tuple[str, str | ChosenFile]]


class Forms:
    """The forms of one document, with what *live* knows of them."""

    def __init__(self, document: Document, live: LiveForms) -> None:
        self.document = document
        self.live = live
        self._keys: dict[Element, str] = {}
        self._elements: dict[str, Element] | None = None
        self._radios: dict[Hashable, Element] | None = None
        self._controls: dict[Element, list[Element]] = {}

    def controls(self, form: Element) -> list[Element]:
        """The controls of a form, in order. Raises ElementError for a form of too many."""
        controls = self._controls.get(form)
        if controls is None:
            controls = self._controls[form] = list(islice(controls_of(form), MAX_FORM_CONTROLS + 1))
        if len(controls) > MAX_FORM_CONTROLS:
            raise ElementError(f"{form.described()} has more than {MAX_FORM_CONTROLS} controls")
        return controls

    # -- which control is which

    def key(self, element: Element) -> str:
        """What tells an element apart over patches: its id, else its form, name and place among those."""
        if element.id is not None:
            return f"#{element.id}"
        self._index()
        return self._keys.get(element) or f"/{element.path}"

    def element(self, key: str) -> Element | None:
        """The element of a key; None if it has gone."""
        return self._index().get(key)

    def _index(self) -> dict[str, Element]:
        if self._elements is None:
            self._elements = {}
            counts: dict[str, int] = {}
            for element in self.document.select(f"{','.join(CONTROLS)},form,a,[tabindex]"):
                if element.id is not None:
                    self._elements.setdefault(f"#{element.id}", element)
                    continue
                form = owner(element)
                said = [form.id or "" if form is not None else "", element.tag, element.get("name") or ""]
                if kind(element) in CHECKABLE:
                    said.append(element.get("value") or "")
                place = "\0".join(said)
                counts[place] = counts.get(place, 0) + 1
                key = f"{place}\0{counts[place]}"
                self._elements[key] = element
                self._keys[element] = key
        return self._elements

    def patched(
        self, is_kept: Callable[[Element], bool] | None = None, own_forms: Collection[str] = ()
    ) -> None:
        """The document is new since the last look. What was typed stays in the control with the focus, and
        where the patch has left it out: in a component that has not changed, in a form that has not changed
        and is one of *own_forms* (ids; :attr:`Rendered.own_forms`), and where *is_kept* says so.
        """
        live = self.live
        if live.focused is not None and self.element(live.focused) is None:
            live.focused = None
        for key, typed in list(live.typed.items()):
            control = self.element(key)
            if control is None:
                del live.typed[key]
            elif (
                _is_sent_away(control)
                or (is_kept is not None and is_kept(control))
                or _is_left_out(control, typed, own_forms)
            ):
                continue
            elif key != live.focused or (control.tag == "select" and hash(control.html) != typed.html):
                del live.typed[key]
            else:
                typed.is_checked = None
        for key in [key for key in live.used if self.element(key) is None]:
            live.used.discard(key)

    # -- what a control says now

    def value(self, control: Element) -> str:
        """The ``value`` that JavaScript would read."""
        if control.tag == "select":
            listed = options(control)
            selected = self.selected(control)
            return option_value(listed[selected[0]]) if selected else ""
        typed = self.live.typed.get(self.key(control))
        if typed is not None and typed.files:
            return f"C:\\fakepath\\{typed.files[0].name}"
        return default_value(control) if typed is None or typed.value is None else typed.value

    def is_checked(self, control: Element) -> bool:
        """Whether a checkbox or radio button is checked."""
        typed = self.live.typed.get(self.key(control))
        if typed is not None and typed.is_checked is not None:
            return typed.is_checked
        if not control.has("checked"):
            return False
        # Of a group of radio buttons only the last that says so is checked.
        return kind(control) != "radio" or self._checked_radios().get(_group(control), control) == control

    def _checked_radios(self) -> dict[Hashable, Element]:
        """The last radio button of each group that is checked as the HTML says it."""
        if self._radios is None:
            radios = self.document.select("input[checked]")
            self._radios = {_group(each): each for each in radios if kind(each) == "radio"}
        return self._radios

    def selected(self, control: Element) -> list[int]:
        """Which options of a ``select`` are selected, by their index."""
        typed = self.live.typed.get(self.key(control))
        return default_selected(control) if typed is None or typed.selected is None else typed.selected

    # -- what a person does to it

    def use(self, control: Element) -> None:
        """It was changed: it is no longer sent as unused."""
        self.live.used.add(self.key(control))

    def use_all(self, form: Element) -> None:
        """The form was submitted: none of its controls is sent as unused any more."""
        self.live.used.update(self.key(control) for control in self.controls(form))

    def _typed(self, control: Element) -> _Live:
        typed = self.live.typed.setdefault(self.key(control), _Live())
        component, form = _component_around(control), owner(control)
        typed.html = hash(control.html) if control.tag == "select" else None
        typed.component_html = None if component is None else hash(component.html)
        typed.form_html = None if form is None else hash(form.html)
        return typed

    def type(self, control: Element, text: str) -> None:
        """Put *text* in place of a text control's value. Raises ElementError if it takes no such text."""
        of_kind = kind(control)
        value = sanitized(text, of_kind)
        if text and of_kind == "number" and not value:
            raise ElementError(f"{quoted(text)} is no number, and {control.described()} takes only those")
        self._typed(control).value = value

    def check(self, control: Element, is_checked: bool = True) -> None:
        """Check or uncheck a checkbox or radio button; of radio buttons, the others are unchecked."""
        if kind(control) == "radio" and is_checked:
            for other in self.document.select("input"):
                if kind(other) == "radio" and other != control and _group(other) == _group(control):
                    self._typed(other).is_checked = False
        self._typed(control).is_checked = is_checked

    def select(self, control: Element, values: Sequence[str]) -> None:
        """Select the options with these values, or with these texts. Raises ElementError, with the values
        that there are, for one that is not there or disabled, and for several of which one may be."""
        listed = options(control)
        if len(values) > 1 and not control.has("multiple"):
            raise ElementError(f"{control.described()} takes one of its options, not {len(values)}")
        selected = []
        for value in values:
            index = next((i for i, each in enumerate(listed) if option_value(each) == value), None)
            if index is None:
                index = next((i for i, each in enumerate(listed) if each.text == value), None)
            if index is None or is_disabled_option(listed[index]):
                there = ", ".join(quoted(option_value(each), 40) for each in listed[:20])
                raise ElementError(f"{control.described()} has no option {quoted(value)}; it has {there}")
            selected.append(index)
        self._typed(control).selected = sorted(selected)

    def choose(self, control: Element, files: Iterable[ChosenFile]) -> None:
        """Choose the files of a file input. Those of a live upload that takes several are held by its
        uploader, and the input is empty again."""
        tracked = control.has("data-phx-upload-ref") and control.has("multiple")
        self._typed(control).files = () if tracked else tuple(files)

    def reset(self, form: Element) -> None:
        """Set all its controls back, and those to unused."""
        for control in self.controls(form):
            self.live.typed.pop(self.key(control), None)
            self.live.used.discard(self.key(control))

    # -- what a form sends

    def entries(self, form: Element, submitter: Element | None = None) -> Entries:
        """The form's data, as ``FormData`` has it."""
        entries: Entries = []
        for control in self.controls(form):
            if not control.is_disabled and not is_suggestion(control):
                entries.extend(self._entries_of(control, submitter))
        return entries

    def _entries_of(self, control: Element, submitter: Element | None) -> Entries:
        name, of_kind = control.get("name") or "", kind(control)
        if of_kind == "image":
            prefix = f"{name}." if name else ""
            return [(f"{prefix}x", "0"), (f"{prefix}y", "0")] if control == submitter else []
        if not name or (of_kind in ("submit", "reset", "button") and control != submitter):
            return []
        if of_kind in CHECKABLE and not self.is_checked(control):
            return []
        if of_kind == "select":
            listed = options(control)
            selected = [listed[index] for index in self.selected(control) if index < len(listed)]
            return [(name, option_value(each)) for each in selected if not is_disabled_option(each)]
        if of_kind == "file":
            typed = self.live.typed.get(self.key(control))
            files = typed.files if typed is not None else ()
            return [(name, each) for each in files or (ChosenFile(),)]
        if of_kind == "hidden" and name.lower() == "_charset_":
            return [(name, "UTF-8")]
        entries: Entries = [(name, self.value(control))]
        if dirname := control.get("dirname"):
            entries.append((dirname, "ltr"))
        return entries

    def encoded(
        self,
        form: Element,
        version: Version | None,
        *,
        submitter: Element | None = None,
        only: str | None = None,
    ) -> str:
        """The form data of an event, without ``_target``: URL-encoded, without files, for a server of that
        version with ``_unused_`` fields. *only* is the name of an input with a ``phx-change`` of its own."""
        unused = self._unused(form, version, submitter)
        fields: list[tuple[str, str]] = []
        for name, value in self.entries(form, submitter):
            if isinstance(value, ChosenFile) or (only is not None and name != only):
                continue
            if name in unused:
                fields.append((unused_name(name), ""))
            fields.append((name, value))
        return url_encoded(fields)

    def _unused(self, form: Element, version: Version | None, submitter: Element | None) -> set[str]:
        """The names that no control of was used, where not all are hidden."""
        if version is None or version < UNUSED_FIELDS:
            return set()
        asked = version >= NO_UNUSED_FIELD
        if asked and form.has(_NO_UNUSED_FIELD):
            return set()
        used, shown = set(), set()
        for control in self.controls(form):
            name = control.get("name") or ""
            if self.key(control) in self.live.used or (asked and control.has(_NO_UNUSED_FIELD)):
                used.add(name)
            if kind(control) not in ("hidden", "image"):
                shown.add(name)
        if submitter is not None:
            used.add(submitter.get("name") or "")
        return shown - used


def _group(radio: Element) -> Hashable:
    """Of radio buttons with the same, one is checked. One without a name is alone."""
    return (radio.get("name"), owner(radio)) if radio.get("name") else radio


def _component_around(control: Element) -> Element | None:
    component = control.closest(COMPONENT)
    return component if component is not None and component.view_id == control.view_id else None


def _is_left_out(control: Element, typed: _Live, own_forms: Collection[str]) -> bool:
    """Whether patches have left a control out: what has one root, and has not changed, is not looked at."""
    component, form = _component_around(control), owner(control)
    if component is not None and hash(component.html) == typed.component_html:
        return True
    return form is not None and form.id in own_forms and hash(form.html) == typed.form_html


def _is_sent_away(control: Element) -> bool:
    """A form that the server has the browser send by HTTP goes as it was filled in."""
    form = owner(control)
    return form is not None and form.has("phx-trigger-action")


def unused_name(name: str) -> str:
    """``user[_unused_name]`` for ``user[name]``, ``_unused_tags[]`` for ``tags[]``."""
    is_list = name.endswith("[]")
    marked = _NAME_TO_MARK.sub(r"_unused_\1\2", name[:-2] if is_list else name, count=1)
    return f"{marked}[]" if is_list else marked


def url_encoded(fields: Iterable[tuple[str, str]]) -> str:
    """As ``URLSearchParams`` writes it: nothing but letters, digits and ``*-._`` stands for itself."""
    return "&".join(f"{_quote(name)}={_quote(value)}" for name, value in fields)


def posted(entries: Entries) -> list[tuple[str, str]]:
    """The fields of a form that goes by HTTP: line ends are CRLF, and of a file only the name goes."""
    return [
        (
            _LINE_ENDS.sub("\r\n", name),
            value.name if isinstance(value, ChosenFile) else _LINE_ENDS.sub("\r\n", value),
        )
        for name, value in entries
    ]


def _quote(text: str) -> str:
    return quote(_SURROGATES.sub("\ufffd", text), safe="* ").replace("~", "%7E").replace(" ", "+")
