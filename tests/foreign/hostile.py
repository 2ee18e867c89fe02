"""What a stranger would send to a terminal, to a page, to an Event."""

HOSTILE = (
    "\x1b]0;pwned\x07\x1b[2J\x1b[8mhidden\u202e reversed\u2066\u200b\u2028line\r\nline\ud800\U000e0041"
    "\x1b]52;c;cm0gLXJmIC8=\x1b\\\x9b31m\x85\u0378\x1b"
)

DOCUMENTS = (
    "",
    "{",
    "[" * 65 + "]" * 65,
    '{"a":' * 6000 + "1" + "}" * 6000,
    '{"real": ' + "[" * 100 + "]" * 100 + "}",
    "9" * 5000,
    '{"n": 1' + "0" * 400 + "}",
    '{"real": 1e999}',
    '{"real": NaN}',
    '{"real": -Infinity}',
    '{"a": "' + "x" * 2**21 + '"}',
)
"""JSON that no reader of a stranger's words takes: too deep, too large, beyond every number, or none."""
