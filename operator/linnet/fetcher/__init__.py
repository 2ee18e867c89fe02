"""What runs in a tenant's pod before a model is trusted: `linnet fetch` and `linnet probe`.

This package imports nothing of the operator and nothing heavy, because it starts in every serving pod;
only `s3` loads a library, when such a URI is given. `docs/reference/fetcher.md` is its manual.
"""
