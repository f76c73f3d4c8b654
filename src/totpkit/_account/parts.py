"""What an app puts a service together from, looked at before anybody logs in. Knows no service."""

from totpkit._account.policy import Policy
from totpkit.errors import InvalidParameterError


def check_parts(*, store: object, vault: object, policy: object, clock: object, on_event: object) -> None:
    """Raise :class:`InvalidParameterError` for what cannot be a part of an authenticator."""
    require_methods("store", store, "load", "swap")
    require_methods("vault", vault, "seal", "open", "is_current")
    if not isinstance(policy, Policy):
        raise InvalidParameterError("policy", f"must be a Policy, not {type(policy).__name__}")
    if not callable(clock):
        raise InvalidParameterError("clock", f"must be callable, not {type(clock).__name__}")
    if on_event is not None and not callable(on_event):
        raise InvalidParameterError("on_event", f"must be callable or None, not {type(on_event).__name__}")


def require_methods(name: str, part: object, *methods: str) -> None:
    """Raise :class:`InvalidParameterError` unless *part* is an object, no class, with these methods."""
    if isinstance(part, type) or not all(callable(getattr(part, method, None)) for method in methods):
        listed = f"{', '.join(methods[:-1])} and {methods[-1]}"
        problem = f"must be an object with the methods {listed}, not {type(part).__name__}"
        raise InvalidParameterError(name, problem)
