"""What a stranger can put into an object or a document, for tests of whoever has to read it."""

import json
from typing import Any

Json = dict[str, Any]


def nested(levels: int, key: str = "f:a") -> str:
    """A JSON object nested so many levels deep, as text: Python's own writer could not make it."""
    return f'{{"{key}":' * levels + "{}" + "}" * levels


def text_of(obj: Json, *, managed: str = "[]", affinity: str = "") -> bytes:
    """The object as the API server sends it, with what stands in its managedFields, and in its pods' affinity."""
    whole = json.loads(json.dumps(obj))
    whole["metadata"]["managedFields"] = "MANAGED"
    if affinity:
        whole["spec"]["pod"] = {"affinity": "AFFINITY"}
    return json.dumps(whole).replace('"MANAGED"', managed).replace('"AFFINITY"', affinity).encode()


def wide(size: int) -> str:
    """A JSON object of at least so many bytes, as text, of fields that are one beside the other."""
    return json.dumps({f"f:{n:07}{'x' * 60}": {} for n in range(size // 75 + 1)}, separators=(",", ":"))


def managed(fields: str, api_version: str = "v1") -> str:
    """`managedFields` as anybody who creates an object may write them: the API server keeps 10,000 levels."""
    about = f'"manager":"x","operation":"Update","apiVersion":"{api_version}","fieldsType":"FieldsV1"'
    return f'[{{{about},"fieldsV1":{fields}}}]'


def page(*items: bytes, token: str = "") -> bytes:
    """A page of a LIST."""
    meta = json.dumps({"resourceVersion": "9", "continue": token}).encode()
    return b'{"kind":"List","apiVersion":"v1","metadata":' + meta + b',"items":[' + b",".join(items) + b"]}"
