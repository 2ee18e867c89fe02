"""A pod's answer is read a step at a time, whatever it sends: no parser holds up the loop that serves all."""

import pytest

from linnet.adapters.outbound.page import BLOCK, EVENTS, Page

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MANY = 10 * EVENTS


def asked(taken: list[bytes]) -> Page:
    page = Page(taken.append)
    page.request("10.0.0.1:8080", "/metrics")
    return page


def steps(page: Page, data: bytes) -> int:
    """Return how many steps it takes to read that."""
    page.feed(data)
    count = 0
    while not (page.hungry or page.whole):
        page.step()
        count += 1
    return count


def to_the_end(page: Page, answer: bytes) -> None:
    for data in (answer, b"", b""):
        steps(page, data)


@pytest.mark.parametrize(
    "flood",
    [b"HTTP/1.1 100 Continue\r\n\r\n" * MANY, CHUNKED + b"1\r\n\n\r\n" * MANY],
    ids=["provisional responses", "chunks of a byte"],
)
def test_a_flood_of_small_parts_is_read_in_many_steps(flood: bytes) -> None:
    """A client that reads on for as long as something comes held the loop up for seconds."""
    assert steps(asked([]), flood) > MANY // EVENTS // 2


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Content-Length: 4\r\n\r\na 1\n",
        HEAD + b"\r\na 1\n",
        CHUNKED + b"1;ext=1\r\na\r\n3\r\n 1\n\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\na 1\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + HEAD + b"Content-Length: 4\r\n\r\na 1\nmore",
    ],
)
def test_every_way_to_send_a_page_is_read(answer: bytes) -> None:
    """By its length, to the connection's end, in chunks, and what follows it is nobody's."""
    taken: list[bytes] = []
    page = asked(taken)
    steps(page, answer)
    if not page.whole:
        steps(page, b"")
    assert page.whole
    assert b"".join(taken) == b"a 1\n"


def test_a_large_page_is_handed_on_in_blocks() -> None:
    """No more of it is held than a block."""
    taken: list[bytes] = []
    page = asked(taken)
    steps(page, HEAD + b"\r\n")
    for _ in range(4):
        steps(page, b"x" * BLOCK)
    assert [len(block) for block in taken] == [BLOCK] * 4


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "answered 503"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n", "answered 302"),
        (b"\x1b[2J\x1b]0;t\x07 200\r\n\r\n", "no HTTP"),
        (HEAD + b"Content-Length: 99999999999999999999999999\r\n\r\n", "no HTTP"),
        (HEAD + b"Content-Length: -1\r\n\r\n", "no HTTP"),
        (HEAD + b"".join(b"H%d: x\r\n" % n for n in range(10_000)), "no HTTP"),
        (CHUNKED + b"1;" + b"x" * 100_000, "no HTTP"),
        (CHUNKED + b"f" * 1000 + b"\r\n", "no HTTP"),
        (HEAD + b"Content-Length: 9\r\n\r\na 1\n", "no HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "no HTTP"),
        (b"", "no HTTP"),
    ],
)
def test_what_is_no_page_is_said_to_be_none(answer: bytes, words: str) -> None:
    """In a sentence that repeats nothing of what was sent."""
    page = asked([])
    with pytest.raises(ValueError, match=words) as refused:
        to_the_end(page, answer)
    assert str(refused.value).isprintable()
