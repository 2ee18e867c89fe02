"""A person who types `kubectl linnet …`, beside a fake kubectl (tests/cli/kubectl).

tests/integration/test_cli.py does the same with the real one, on a real API server.
"""

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from control_plane import Said
from linnet.cli.main import main

Object = dict[str, Any]


@dataclass
class Person:
    """`folder` is where the fake kubectl keeps the objects, the operator's answer, and what it was called with."""

    folder: Path

    def sees(self, *objects: Object) -> "Person":
        (self.folder / "objects.json").write_text(json.dumps(objects))
        return self

    def answered(self, outcome: str, message: str) -> "Person":
        (self.folder / "answer").write_text(json.dumps({"outcome": outcome, "message": message}))
        return self

    def refused(self, words: str) -> "Person":
        (self.folder / "refusal").write_text(words, errors="surrogatepass")
        return self

    def may_not_get(self, resource: str) -> "Person":
        (self.folder / "forbidden").write_text(resource)
        return self

    def types(self, *words: str) -> Said:
        out, err = io.StringIO(), io.StringIO()
        path = f"{Path(__file__).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"PATH": path, "FAKE_KUBECTL": str(self.folder)}
        with mock.patch.dict(os.environ, own), redirect_stdout(out), redirect_stderr(err):
            try:
                code = main(words)
            except SystemExit as ended:
                code = int(ended.code or 0)
        return Said(code, out.getvalue(), err.getvalue())

    def calls(self) -> list[list[str]]:
        """What kubectl was called with."""
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def requests(self) -> list[Object]:
        """The Requests that were created."""
        path = self.folder / "created"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def asked(self) -> Object:
        """What the last Request asks."""
        return dict(self.requests()[-1]["spec"])
