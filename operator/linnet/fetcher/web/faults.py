"""The system's own error below a library's: the libraries tell what broke, the system why."""


def system_error(error: BaseException) -> OSError | None:
    """The first OSError on the way back from `error`; httpcore cuts the chain of causes, and leaves the contexts."""
    below: BaseException | None = error
    while below is not None and not isinstance(below, OSError):
        below = below.__cause__ or below.__context__
    return below
