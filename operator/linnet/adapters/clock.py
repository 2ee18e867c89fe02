"""The one clock: everything else is handed a `now`."""

from datetime import UTC, datetime


def now() -> datetime:
    """Aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251
