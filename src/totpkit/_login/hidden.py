"""Values that must not be kept. Knows nothing of what they are."""

from typing import NoReturn


class Hidden:
    """Refuses to be pickled: a cache, a session or a queue would keep what it holds."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be pickled: it may hold a secret; keep the ticket")

    def __getstate__(self) -> NoReturn:
        self.__reduce__()
