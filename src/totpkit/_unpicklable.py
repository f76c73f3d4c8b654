"""A base class for values that must not be pickled, because they contain a secret."""

from typing import ClassVar, NoReturn


class Unpicklable:
    """Prevents pickling, so that secrets do not end up in a cache, a session or a queue."""

    __slots__ = ()
    _instead: ClassVar[str] = "it may contain a secret; keep the ticket instead"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be pickled: {self._instead}")

    def __getstate__(self) -> NoReturn:
        self.__reduce__()
