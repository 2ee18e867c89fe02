"""People's requests: what is asked of an object, in which order it is answered, and what becomes of the Request."""
