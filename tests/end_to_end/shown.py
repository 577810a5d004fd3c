"""What a user was shown over time, not only at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.end_to_end.viewer import Viewer


def assert_grew(viewer: Viewer, *texts: str) -> None:
    """Each view ever shown had one message at the most, which grew to each of these texts in turn, never back.

    Args:
        viewer: the viewer.
        texts: what each attempt wrote in full; they must begin with different letters.
    """
    attempt, length = 0, 0
    for view in viewer.history_of_views:
        assert len(view.texts) <= 1, f"more than one message was shown: {view.texts}"
        shown = "".join(view.texts)
        gone = length > 0 and not shown
        if gone or not texts[attempt].startswith(shown):
            attempt, length = attempt + 1, 0
            assert attempt < len(texts), f"{shown!r} was shown after {texts[-1]!r}"
            assert texts[attempt].startswith(shown), f"{shown!r} was shown, which is no beginning of {texts[attempt]!r}"
        assert len(shown) >= length, f"the text became shorter: {shown!r}"
        length = len(shown)
    assert attempt == len(texts) - 1, f"not all of {texts} were shown"
