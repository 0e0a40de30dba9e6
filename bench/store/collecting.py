"""Python's search for circles of garbage, put off while very many objects are read.

A plan and its records are some hundred thousand objects in no circle; to look through them again
and again while they are made takes as long as making them.
"""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """Look for no circles meanwhile; unless nobody does anyway."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
