"""Clients that keep calling one HTTP address over connections of their own, and remember every answer in order."""

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

CLIENTS = 8
SECONDS = 10.0


def body_or_status(status: int, body: bytes) -> str:
    return body.decode() if status == http.HTTPStatus.OK else str(status)


@dataclass
class Load:
    """What was answered, as `told` puts it, or the error. With a `body` it is a POST."""

    address: str
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = "/"
    body: str | None = None
    told: Callable[[int, bytes], str] = body_or_status
    clients: int = CLIENTS
    answers: list[str] = field(default_factory=list)

    def call(self, times: int) -> Counter[str]:
        """Call so many times, all clients at once; the answers by what they said."""
        clients = [threading.Thread(target=self._repeat, args=(times // self.clients,)) for _ in range(self.clients)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        return Counter(self.answers)

    @contextmanager
    def going_on(self) -> Iterator["Load"]:
        """Call without a pause for as long as the block lasts."""
        ended = threading.Event()
        clients = [threading.Thread(target=self._until, args=(ended,)) for _ in range(self.clients)]
        for client in clients:
            client.start()
        try:
            yield self
        finally:
            ended.set()
            for client in clients:
                client.join()

    def share(self, answer: str, of_last: int) -> float | None:
        """The share of an answer among the last ones from now on; None while there are fewer than that."""
        last = self.answers[-of_last:]
        return last.count(answer) / of_last if len(last) == of_last else None

    def _repeat(self, times: int) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=SECONDS)
        for _ in range(times):
            self.answers.append(self._once(connection))
        connection.close()

    def _until(self, ended: threading.Event) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=SECONDS)
        while not ended.is_set():
            self.answers.append(self._once(connection))
        connection.close()

    def _once(self, connection: http.client.HTTPConnection) -> str:
        try:
            connection.request("POST" if self.body else "GET", self.path, self.body, dict(self.headers))
            answer = connection.getresponse()
            return self.told(answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return repr(error)
