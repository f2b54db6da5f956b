"""What a form makes a browser send: the change of a field, a submit, the recovery after a rejoin, a request.

The form data of an event is one URL-encoded text. Where ``_target`` goes is a matter of the server's version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from fastphx.errors import clip
from fastphx.liveview.bindings import Target, as_cid, targets, values
from fastphx.liveview.controls import kind, owner
from fastphx.liveview.document import Element
from fastphx.liveview.errors import ElementError, UploadError
from fastphx.liveview.forms import ChosenFile, Forms, posted, url_encoded
from fastphx.liveview.js_commands import added_values, run_binding
from fastphx.liveview.outgoing import Noted, Outgoing, Push, Request
from fastphx.liveview.version import META_TARGET, TRIGGERED_SUBMITTER, Version


class FormEvents:
    """The events of the forms of one document, for a server of *version*."""

    def __init__(self, forms: Forms, version: Version | None) -> None:
        self.forms = forms
        self._version = version

    def input(self, control: Element, uploads: Mapping[str, Any] | None = None) -> list[Outgoing]:
        """The ``input`` event of a control: nothing where neither it nor its form has ``phx-change``."""
        form = owner(control)
        own = control.get("phx-change")
        text = own or (form.get("phx-change") if form is not None else None)
        if not text:
            return []
        self.forms.use(control)
        dispatcher = control if own or form is None else form

        def push(source: Element, arguments: dict[str, Any], by_exec: bool) -> Iterable[Outgoing]:
            return self._changed(source, source if by_exec else dispatcher, text, arguments, uploads or {})

        return run_binding(control, text, push)

    def _changed(
        self,
        control: Element,
        bound: Element,
        event: str,
        arguments: Mapping[str, Any],
        uploads: Mapping[str, Any],
    ) -> Iterator[Push]:
        """*bound* is what has the ``phx-change`` and the ``phx-target``."""
        form = owner(control)
        if form is None:
            raise ElementError(f"{control.described()} has phx-change, and stands in no form")
        name = control.get("name") or ""
        encoded = self.forms.encoded(
            form,
            self._version,
            submitter=control if control.tag == "button" else None,
            only=name if control.get("phx-change") else None,
        )
        # The official client says "undefined" of an input without a name.
        meta = {"_target": name or "undefined"}
        for target in targets(bound, arguments.get("target"), form=form if bound.tag != "form" else bound):
            push = self._push(target, form, event, arguments, encoded, meta)
            push.payload["uploads"] = dict(uploads)
            yield push

    def _push(
        self,
        target: Target,
        form: Element,
        event: str,
        arguments: Mapping[str, Any],
        encoded: str,
        meta: Mapping[str, str],
    ) -> Push:
        payload = {"type": "form", "event": arguments.get("event") or event, "value": encoded}
        meta = {**meta, **values(form)}
        if self._version is not None and self._version >= META_TARGET:
            payload["meta"] = {**meta, **added_values(arguments.get("value"))}
        elif meta:
            fields = url_encoded(meta.items())
            payload["value"] = f"{encoded}&{fields}" if encoded else fields
        if target.cid is not None:
            payload["cid"] = target.cid
        return Push(target.view_id, payload)

    def submitted(self, form: Element, submitter: Element | None) -> list[Outgoing]:
        """The ``submit`` event of a form, by the button *submitter* or by none."""
        text = form.get("phx-submit")
        if not text:
            return self.requested(form, submitter)

        def push(source: Element, arguments: dict[str, Any], by_exec: bool) -> Iterable[Outgoing]:
            if source.tag != "form":
                raise ElementError(f"{source.described()} is no form, and its JS commands push its submit")
            by = None if by_exec else submitter
            self.forms.use_all(source)
            self._remember(source, by)
            encoded = self.forms.encoded(source, self._version, submitter=by)
            asked = arguments.get("target")
            for target in targets(source, asked):
                # Where a push leads does not make it a component's: only the form's own phx-target does.
                if not source.has("phx-target") and as_cid(asked) is None:
                    target = target._replace(cid=None)
                push = self._push(target, source, text, arguments, encoded, {})
                yield replace(push, submitted=source)

        sent = run_binding(form, text, push)
        for each in self.forms.controls(form):
            if label := each.get("phx-disable-with"):
                sent.append(Noted(each, "disable-with", {"text": label}))
        return sent

    def _remember(self, form: Element, submitter: Element | None) -> None:
        remembered = self.forms.live.submitters
        remembered.pop(self.forms.key(form), None)
        if submitter is not None:
            remembered[self.forms.key(form)] = self.forms.key(submitter)

    def requested(self, form: Element, submitter: Element | None) -> list[Outgoing]:
        """The request that a form makes without LiveView. Raises UploadError where it would have a file."""

        def said(name: str) -> str:
            by = None if submitter is None else submitter.get(f"form{name}")
            return (form.get(name) or "") if by is None else by

        method = said("method").strip().lower()
        if method == "dialog":
            return []
        encoding = said("enctype").strip().lower() or "application/x-www-form-urlencoded"
        entries = self.forms.entries(form, submitter)
        for name, value in entries if (method, encoding) == ("post", "multipart/form-data") else ():
            if isinstance(value, ChosenFile) and value.name:
                raise UploadError(
                    f"{form.described()} would send {clip(value.name)}, its {clip(name)}, by HTTP: files "
                    "go to the live socket only"
                )
        return [Request("post" if method == "post" else "get", said("action"), posted(entries), encoding)]

    def triggered(self) -> list[Outgoing]:
        """The request of a form that has ``phx-trigger-action`` now: with the button that submitted it."""
        for form in reversed(self.forms.document.with_attribute("phx-trigger-action")):
            if form.tag == "form":
                keeps = self._version is not None and self._version >= TRIGGERED_SUBMITTER
                key = self.forms.live.submitters.get(self.forms.key(form)) if keeps else None
                return self.requested(form, None if key is None else self.forms.element(key))
        return []

    def recovered(self, before: Forms) -> list[Outgoing]:
        """After a rejoin: the change event of each form with an id that was there *before* with the same
        ``phx-change``, with what it held then. ``phx-auto-recover`` may name another, or ``ignore``."""
        sent: list[Outgoing] = []
        for form in self.forms.document.select("form"):
            old = before.document.by_id(form.id) if form.id is not None else None
            change = form.get("phx-change")
            if old is None or old.tag != "form" or not change or old.get("phx-change") != change:
                continue
            recover = form.get("phx-auto-recover") or change
            if old.get("phx-auto-recover") == "ignore":
                continue
            sent += self._recovered(FormEvents(before, self._version), old, form, recover)
        return sent

    def _recovered(self, before: FormEvents, old: Element, form: Element, text: str) -> list[Outgoing]:
        inputs = [
            each
            for each in before.forms.controls(old)
            if each.tag != "button"
            and kind(each) != "button"
            and each.get("name")
            and not each.has("phx-change")
        ]
        if not inputs:
            return []
        control = next((each for each in inputs if kind(each) != "hidden"), inputs[0])

        def push(source: Element, arguments: dict[str, Any], by_exec: bool) -> Iterable[Outgoing]:
            return before._changed(source, form, text, {**arguments, "target": None}, {})

        return run_binding(control, text, push)
