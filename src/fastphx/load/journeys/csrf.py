"""The CSRF token of a page of Phoenix'."""

from __future__ import annotations

from fastphx.load.journeys.failure import StepError
from fastphx.load.journeys.http_response import Response
from fastphx.transports.endpoint import shown_url

WHERE = (("meta[name='csrf-token']", "content"), ("input[name='_csrf_token']", "value"))
"""In the head of a layout, and in each form."""


def csrf_token(response: Response) -> str:
    """The token in the page that *response* is. Raises StepError where it has none."""
    for selector, attribute in WHERE:
        for node in response.select(selector):
            token = node.attributes.get(attribute)
            if token:
                return str(token)
    raise StepError(
        f"the page of {shown_url(response.url)} (HTTP {response.status}) has no CSRF token: no "
        "<meta name=csrf-token>, and no form with _csrf_token",
        reason="no CSRF token",
    )
