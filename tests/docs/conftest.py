"""The API server of these tests."""

from control_plane import api_fixture  # noqa: F401 - a fixture is found by its name in this module
