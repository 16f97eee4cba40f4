"""What holds for every test."""

from hypothesis import settings

# A loaded machine is slow, not wrong: no limit on the time of one example.
settings.register_profile("unlearn", deadline=None)
settings.load_profile("unlearn")
