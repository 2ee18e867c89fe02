"""What runs in a tenant's pod before a model is trusted: `linnet fetch` and `linnet probe`.

This package imports nothing of the operator but how a URI is read, and nothing heavy, because it starts in every
serving pod: a library is loaded only by the source that needs it. `docs/reference/fetcher.md` is its manual.
"""
