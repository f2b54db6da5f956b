from collections.abc import Iterable
from typing import final

from fastphx.liveview.diff import Changed
from fastphx.liveview.lasting import ElementKey, Sticky

MAX_DEPTH: int
"""So many templates may be nested in each other, in a view or a component."""
MAX_HEIGHT: int
"""So many levels may a view have, with the components in it."""
MAX_COMPONENTS: int
MAX_TREE_BYTES: int
"""So much may a tree take, about, without the statics that it shares with others."""

@final
class Rendered:
    """The tree of a view, merged from the join's answer and each diff, as LiveView's own client does.

    *served* is the HTML of the view in the page that the join takes over, *previous* the tree that a rejoin
    takes over: what a browser keeps over a patch is taken from there. HTML is built when it is asked for, and
    kept until the next change. Raises `TreeError` for what LiveView does not send, or what is over a limit.
    """

    def __init__(
        self, rendered: object, *, served: str | None = None, previous: Rendered | None = None
    ) -> None: ...
    @property
    def component_ids(self) -> frozenset[int]:
        """The components that are part of the view."""

    def merge(self, diff: object) -> Changed:
        """Merge a diff. Raises `TreeError`, and the tree is as it was before."""

    def drop(self, cids: Iterable[int]) -> None:
        """Forget components that the server has destroyed, but none that is part of the view."""

    def sticky(self, element: ElementKey) -> Sticky:
        """What JS commands did to *element*, to be added to. The HTML has it until the element goes."""

    @property
    def own_forms(self) -> frozenset[str]:
        """The ids of the forms that are a template of their own, as ``<.form>`` is: a patch leaves such a
        form out while nothing in it changes, with all that was typed."""

    def html(self) -> str:
        """The view's HTML, without its container."""
