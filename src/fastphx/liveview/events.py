"""What a person's action makes a browser send, given the page as it is: the payload of each event, links,
requests. Nothing is sent here, and no answer is waited for.

``phx-debounce`` and ``phx-throttle`` are no part of it: every event is there at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from fastphx.foreign_text import quoted
from fastphx.liveview.bindings import PREFIX, closest, targets, values
from fastphx.liveview.controls import (
    CHECKABLE,
    TEXTUAL,
    is_control,
    is_submitter,
    kind,
    labelled,
    other_value,
    owner,
)
from fastphx.liveview.document import Document, Element
from fastphx.liveview.errors import ElementError
from fastphx.liveview.form_events import FormEvents
from fastphx.liveview.forms import Forms, LiveForms
from fastphx.liveview.js_commands import added_values, is_commands, run_binding
from fastphx.liveview.outgoing import Follow, Noted, Outgoing, Push, Request
from fastphx.liveview.version import SHARED_VALUES, Version

FieldValue = str | int | float | bool | Sequence[str] | None
"""What is put in a field: a text, a number, whether it is checked, or which of several are."""

MAX_PUSHES = 1000
"""So many events may one action send."""

_Kind = Literal["click", "keydown", "keyup", "focus", "blur", "change", "submit"]
_ACTIVATED = ("a", "button", "input", "label", "select", "textarea", "summary")


class Events:
    """The events of one document. *live* is kept from document to document; *version* is the server's
    ``liveview_version``, None for one that says none (before 0.20.15).

    Each method raises ElementError for an element that is disabled or has no binding for it.
    """

    def __init__(self, document: Document, live: LiveForms, version: Version | None) -> None:
        self.document = document
        self.forms = Forms(document, live)
        self._version = version
        self._form_events = FormEvents(self.forms, version)

    # -- clicks

    def click(self, element: Element) -> list[Outgoing]:
        """``phx-click`` of the element or of what is around it, then what the element does by itself: a link
        is followed, a form submitted, a box checked. ``phx-click-away`` of others is noted only."""
        self._refuse_disabled(element, "clicked")
        sent = self._focus_moved(self._focusable(element))
        sent += [
            Noted(each, "click-away", {"commands": each.get("phx-click-away") or ""})
            for each in self.document.with_attribute("phx-click-away")
            if not each.contains(element)
        ]
        did = self._clicked(element)
        if did is None:
            raise self._refusal(element, "phx-click", "can be clicked")
        return _bounded(sent + did)

    def _clicked(self, element: Element) -> list[Outgoing] | None:
        """None if a click does nothing."""
        link = closest(element, "data-phx-link")
        if link is not None:
            return [self._live_link(link), *self._link_commands(link)]
        activated = next((each for each in element.lineage() if each.tag in _ACTIVATED), None)
        checked = activated is not None and activated.tag == "input" and kind(activated) in CHECKABLE
        changed = activated is not None and checked and self._toggled(activated)
        bound = closest(element, "phx-click")
        did: list[Outgoing] | None = None
        if bound is not None and (text := bound.get("phx-click")):
            did = self._fire("click", bound, text, {})
        method = next(
            (each for each in element.lineage() if each.get("data-method") and each.get("data-to")), None
        )
        if method is not None:
            return [*(did or []), _method_request(method)]
        if activated is None or (bound is not None and bound.get("href") == "#"):
            return did
        default = self._default_action(element, activated, changed)
        return did if default is None else [*(did or []), *default]

    def _default_action(self, clicked: Element, activated: Element, changed: bool) -> list[Outgoing] | None:
        """What the browser does after a click that nobody has prevented; None if that is nothing."""
        match activated.tag, kind(activated):
            case "input", "checkbox" | "radio":
                return self._form_events.input(activated) if changed else []
            case (("input" | "button"), ("submit" | "image")):
                form = owner(activated)
                return None if form is None else self._form_events.submitted(form, activated)
            case (("input" | "button"), "reset"):
                form = owner(activated)
                if form is None:
                    return None
                self.forms.reset(form)
                return self._form_events.input(activated)
            case "a", _:
                href = activated.get("href")
                if href is None or href.startswith("#"):
                    return None if href is None else []
                return [Follow("href", href)]
            case "label", _:
                control = labelled(activated)
                if control is None or control.is_disabled or control.contains(clicked):
                    return None
                did = self._clicked(control)
                return [*self._focus_moved(self._focusable(control)), *(did or [])]
            case (("input" | "select" | "textarea" | "summary"), _):
                return []
            case _:
                return None

    def _live_link(self, link: Element) -> Follow:
        href = link.get("href")
        if href is None:
            raise ElementError(f"{link.described()} is a live link without an href")
        kind_of_link: Literal["patch", "navigate"] = (
            "patch" if link.get("data-phx-link") == "patch" else "navigate"
        )
        return Follow(kind_of_link, href, link.get("data-phx-link-state") == "replace")

    def _link_commands(self, link: Element) -> list[Outgoing]:
        text = link.get("phx-click") or ""
        return self._fire("click", link, text, None) if is_commands(text) else []

    def _toggled(self, control: Element) -> bool:
        """Check or uncheck a box as a click does, before any event; whether that has changed anything."""
        now = self.forms.is_checked(control)
        if kind(control) == "radio" and now:
            return False
        self.forms.check(control, not now)
        return True

    # -- keys and focus

    def keydown(self, element: Element | None, key: str) -> list[Outgoing]:
        """``phx-keydown`` of the element, or ``phx-window-keydown`` of all where it has none; nothing if
        their ``phx-key`` is another. None is the page. *key* is as a browser says it: ``a``, ``Enter``."""
        return self._key("keydown", element, key)

    def keyup(self, element: Element | None, key: str) -> list[Outgoing]:
        """The same for ``phx-keyup``."""
        return self._key("keyup", element, key)

    def _key(self, of_kind: Literal["keydown", "keyup"], element: Element | None, key: str) -> list[Outgoing]:
        bound = self._key_bindings(of_kind, element)
        if not bound:
            if element is not None:
                raise self._refusal(element, f"phx-{of_kind}", f"has a {of_kind}")
            raise ElementError(f"nothing on the page has phx-window-{of_kind}")
        return _bounded(self._pressed(of_kind, bound, key))

    def _key_bindings(self, of_kind: str, element: Element | None) -> list[tuple[Element, str]]:
        if element is not None:
            self._refuse_disabled(element, "given a key")
            if text := element.get(f"{PREFIX}{of_kind}"):
                return [(element, text)]
        attribute = f"{PREFIX}window-{of_kind}"
        return [
            (each, text) for each in self.document.with_attribute(attribute) if (text := each.get(attribute))
        ]

    def _pressed(
        self, of_kind: Literal["keydown", "keyup"], bound: list[tuple[Element, str]], key: str
    ) -> list[Outgoing]:
        sent: list[Outgoing] = []
        for each, text in bound:
            wanted = each.get("phx-key")
            if not wanted or wanted.lower() == key.lower():
                sent += self._fire(of_kind, each, text, {"key": key})
        return sent

    def press(self, element: Element | None, key: str) -> list[Outgoing]:
        """A key from down to up, as a person presses it: one character is typed at the end of the element's
        text, Enter submits its form. None is what has the focus."""
        if element is None and self.forms.live.focused is not None:
            element = self.forms.element(self.forms.live.focused)
        sent: list[Outgoing] = []
        if element is not None:
            self._refuse_disabled(element, "given a key")
            sent += self._focus_moved(self._focusable(element))
        sent += self._pressed("keydown", self._key_bindings("keydown", element), key)
        if element is not None and is_control(element):
            if len(key) == 1 and kind(element) in TEXTUAL:
                sent += self._text_typed(element, self.forms.value(element) + key)
            elif key == "Enter" and element.tag == "input":
                sent += self._implicitly_submitted(element)
        sent += self._pressed("keyup", self._key_bindings("keyup", element), key)
        return _bounded(sent)

    def focus(self, element: Element) -> list[Outgoing]:
        """The focus goes to the element: ``phx-blur`` of what had it, and ``phx-focus``."""
        self._refuse_disabled(element, "given the focus")
        if self._focusable(element) is None and not element.get("phx-focus"):
            raise self._refusal(element, "phx-focus", "takes the focus")
        return _bounded(self._focus_moved(element))

    def blur(self, element: Element | None = None) -> list[Outgoing]:
        """The focus goes away from the element, or from whatever has it: ``phx-blur``."""
        if element is not None:
            self._refuse_disabled(element, "given the focus")
            if not element.get("phx-blur") and self._focusable(element) is None:
                raise self._refusal(element, "phx-blur", "takes the focus")
            self.forms.live.focused = self.forms.key(element)
        return _bounded(self._focus_moved(None))

    def _focus_moved(self, to: Element | None) -> list[Outgoing]:
        live = self.forms.live
        key = None if to is None else self.forms.key(to)
        if key == live.focused:
            return []
        sent: list[Outgoing] = []
        left = None if live.focused is None else self.forms.element(live.focused)
        live.focused = key
        if left is not None and (text := left.get("phx-blur")):
            sent += self._fire("blur", left, text, {})
        if to is not None and (text := to.get("phx-focus")):
            sent += self._fire("focus", to, text, {})
        return sent

    def _focusable(self, element: Element) -> Element | None:
        for each in element.lineage():
            if is_control(each) or each.has("tabindex") or (each.tag == "a" and each.has("href")):
                return each
        return None

    # -- forms

    def change(self, element: Element, value: FieldValue | Mapping[str, FieldValue]) -> list[Outgoing]:
        """A person fills in fields of a form, by name, one after the other; or one field, if *element* is it.

        Each is a ``phx-change`` of the field itself or of its form. Whoever waits for answers gives one field
        at a time, because an answer may change the others. Raises ElementError for a field that is not there,
        disabled, read-only, or takes no such value.
        """
        sent: list[Outgoing] = []
        for field, given in self._fields(element, value):
            sent += self._filled(field, given)
        return _bounded(sent)

    def _fields(
        self, element: Element, value: FieldValue | Mapping[str, FieldValue]
    ) -> Iterator[tuple[list[Element], FieldValue]]:
        if not isinstance(value, Mapping):
            if not is_control(element):
                raise ElementError(f"{element.described()} is no field: give the values of a form by name")
            yield [element], value
            return
        form = element if element.tag == "form" else owner(element)
        if form is None:
            raise ElementError(f"{element.described()} is no form, and in none")
        controls = self.forms.controls(form)
        for name, given in value.items():
            named = [each for each in controls if each.get("name") == name and kind(each) != "image"]
            named = [each for each in named if not is_submitter(each)] or named
            if not named:
                there = dict.fromkeys(
                    quoted(each.get("name") or "", 60) for each in controls if each.get("name")
                )
                raise ElementError(
                    f"{form.described()} has no field {quoted(name)}; it has {', '.join([*there][:30])}"
                )
            yield [each for each in named if kind(each) != "hidden"] or named, given

    def _filled(self, fields: list[Element], value: FieldValue) -> list[Outgoing]:
        enabled = [each for each in fields if not each.is_disabled]
        if not enabled:
            self._refuse_disabled(fields[0], "changed")
        first = enabled[0]
        of_kind = kind(first)
        if of_kind in CHECKABLE:
            return self._checked([each for each in enabled if kind(each) in CHECKABLE], value)
        if of_kind == "file":
            raise ElementError(f"{first.described()} takes files: upload them")
        if of_kind == "select":
            given = [] if value is None else [value] if isinstance(value, (str, int, float)) else list(value)
            before = self.forms.selected(first)
            sent = self._focus_moved(first)
            self.forms.select(first, [str(each) for each in given])
            return sent + (self._form_events.input(first) if self.forms.selected(first) != before else [])
        if isinstance(value, bool) or not isinstance(value, (str, int, float, type(None))):
            raise ElementError(f"{first.described()} takes a text, not {quoted(repr(value), 60)}")
        if of_kind not in TEXTUAL and of_kind != "hidden":
            raise ElementError(f"{first.described()} is no field that a person fills in")
        if first.has("readonly"):
            raise ElementError(f"{first.described()} is read-only")
        sent = self._focus_moved(first) if of_kind != "hidden" else []
        return sent + self._text_typed(first, "" if value is None else str(value))

    def _text_typed(self, control: Element, text: str) -> list[Outgoing]:
        self.forms.type(control, text)
        return self._form_events.input(control)

    def _checked(self, boxes: list[Element], value: FieldValue) -> list[Outgoing]:
        """Click those whose state is another than *value* says."""
        said = {self.forms.value(each): each for each in boxes}
        if isinstance(value, bool) or value is None:
            wanted = {each for each in boxes[:1] if value}
            considered = boxes[:1]
        elif isinstance(value, (str, int, float)):
            text = str(value)
            box = said.get(text)
            considered = boxes if kind(boxes[0]) == "radio" or len(boxes) == 1 or box is None else [box]
            if box is None and text not in self._unchecked_values(boxes[0]):
                raise ElementError(_no_choice(boxes[0], text, said))
            wanted = set() if box is None else {box}
        else:
            considered, wanted = boxes, set()
            for text in map(str, value):
                if text not in said:
                    raise ElementError(_no_choice(boxes[0], text, said))
                wanted.add(said[text])
        sent: list[Outgoing] = []
        for box in considered:
            if self.forms.is_checked(box) != (box in wanted) and not (
                kind(box) == "radio" and box not in wanted
            ):
                sent += self._focus_moved(box)
                sent += self._clicked(box) or []
        return sent

    def _unchecked_values(self, box: Element) -> set[str]:
        """What a hidden field of the same name sends while the box is not checked."""
        form = owner(box)
        return {
            self.forms.value(each)
            for each in (self.forms.controls(form) if form is not None else ())
            if kind(each) == "hidden" and each.get("name") == box.get("name")
        }

    def files_chosen(self, control: Element, uploads: Mapping[str, Any]) -> list[Outgoing]:
        """The change of a file input. *uploads* is what the event says of the files: entries by the
        ``data-phx-upload-ref`` of the input."""
        self._refuse_disabled(control, "changed")
        return _bounded(self._form_events.input(control, uploads))

    def submit(self, element: Element, submitter: Element | None = None) -> list[Outgoing]:
        """Submit a form: with *submitter*, with *element* if that is a button, else with the form's first
        button, as Enter does. ``phx-submit`` is an event; a form without it is a request. What a browser
        checks before (``required``, ``pattern``) is not checked.
        """
        form = element if element.tag == "form" else owner(element)
        if form is None:
            raise self._refusal(element, "phx-submit", "is a form, or in one", having="form")
        if submitter is None and is_control(element) and is_submitter(element):
            submitter = element
        if submitter is not None:
            if owner(submitter) != form or not is_submitter(submitter):
                raise ElementError(f"{submitter.described()} does not submit {form.described()}")
            return self.click(submitter)
        buttons = [each for each in self.forms.controls(form) if is_submitter(each)]
        if not buttons:
            return _bounded(self._form_events.submitted(form, None))
        return self.click(buttons[0])

    def _implicitly_submitted(self, control: Element) -> list[Outgoing]:
        form = owner(control)
        if form is None:
            return []
        buttons = [each for each in self.forms.controls(form) if is_submitter(each)]
        if buttons:
            return [] if buttons[0].is_disabled else self._clicked(buttons[0]) or []
        texts = [each for each in self.forms.controls(form) if each.tag == "input" and kind(each) in TEXTUAL]
        return self._form_events.submitted(form, None) if len(texts) <= 1 else []

    def triggered(self) -> list[Outgoing]:
        """The request of a form that has ``phx-trigger-action`` now: with the button that submitted it."""
        return self._form_events.triggered()

    def recovered(self, before: Forms) -> list[Outgoing]:
        """After a rejoin: the change event of each form with an id that was there *before* with the same
        ``phx-change``, with what it held then. ``phx-auto-recover`` may name another, or ``ignore``."""
        return _bounded(self._form_events.recovered(before))

    # -- events that are no person's

    def mounted(self, before: Forms | None = None) -> list[Outgoing]:
        """``phx-mounted`` of the elements that are new: all, or those that were not there *before*."""
        sent: list[Outgoing] = []
        for element in self.document.with_attribute("phx-mounted"):
            text = element.get("phx-mounted") or ""
            if before is not None and _was_there(element, before.document):
                continue
            if is_commands(text):
                sent += self._fire(None, element, text, None)
        return _bounded(sent)

    # -- bindings

    def _fire(
        self, of_kind: _Kind | None, source: Element, text: str, data: dict[str, Any] | None
    ) -> list[Outgoing]:
        """Run a binding of *source* that is no form's. *data* is what the event itself says: a key."""

        def push(element: Element, arguments: dict[str, Any], by_exec: bool) -> Iterable[Outgoing]:
            shared = None if by_exec else data
            if shared is not None and (self._version is None or self._version < SHARED_VALUES):
                shared = dict(shared)
            value = self._value_of(element, shared, arguments.get("value"))
            for target in targets(element, arguments.get("target")):
                payload = {
                    "type": of_kind,
                    "event": arguments.get("event") or text,
                    "value": dict(value),
                }
                if target.cid is not None:
                    payload["cid"] = target.cid
                yield Push(target.view_id, payload)

        return run_binding(source, text, push)

    def _value_of(self, element: Element, data: dict[str, Any] | None, added: object) -> dict[str, Any]:
        """``phx-value-…``, ``value`` and what the command adds, put into *data*."""
        value = {} if data is None else data
        value.update(values(element))
        if is_control(element):
            if kind(element) in CHECKABLE and not self.forms.is_checked(element):
                value.pop("value", None)
            else:
                value["value"] = self.forms.value(element)
        elif (own := other_value(element)) is not None:
            value["value"] = own
        value.update(added_values(added))
        return value

    # -- refusals

    def _refuse_disabled(self, element: Element, what: str) -> None:
        disabled = next((each for each in element.lineage() if each.is_disabled), None)
        if disabled is not None and disabled.tag != "fieldset":
            raise ElementError(f"{disabled.described()} is disabled, and cannot be {what}")

    def _refusal(
        self, element: Element, attribute: str, does: str, having: str | None = None
    ) -> ElementError:
        hook = element.closest("phx-hook")
        if hook is not None:
            why = (
                f"; {hook.described()} has a hook, whose JavaScript is not run: send its event by hook_event"
            )
        else:
            wanted = " ".join((element.id or "", element.get("name") or "", element.text[:60])).strip()
            why = self.document.candidates(wanted, having or f"[{attribute}]")
        return ElementError(f"{element.described()} has no {attribute}, and nothing that {does}{why}")


def _bounded(sent: list[Outgoing]) -> list[Outgoing]:
    if len(sent) > MAX_PUSHES:
        raise ElementError(f"one action would send {len(sent)} events, and may send {MAX_PUSHES}")
    return sent


def _method_request(link: Element) -> Request:
    """A link with ``data-method``, as phoenix_html's JavaScript makes a form of it."""
    method = link.get("data-method") or ""
    return Request(
        "get" if method == "get" else "post",
        link.get("data-to") or "",
        [("_csrf_token", link.get("data-csrf") or ""), ("_method", method)],
    )


def _no_choice(box: Element, value: str, said: Mapping[str, Element]) -> str:
    there = ", ".join(quoted(each, 40) for each in list(said)[:20])
    return f"{box.described()} has no value {quoted(value)}; there is {there}"


def _was_there(element: Element, before: Document) -> bool:
    if element.id is not None:
        return before.by_id(element.id) is not None
    return any(each.id is None and each.path == element.path for each in before.with_attribute("phx-mounted"))
