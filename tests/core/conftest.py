"""Properties hold on slow machines too: no example of hypothesis fails for taking long."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
