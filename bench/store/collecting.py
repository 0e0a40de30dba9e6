"""Python's search for reference cycles, put off while very many objects are read.

A plan and its records are some hundred thousand objects, none of them in a cycle. To look through
them again and again while they are made takes as long as making them.
"""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """Search for no cycles in the meantime; where the search was off before, it stays off."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
