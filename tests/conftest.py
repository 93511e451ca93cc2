"""Settings of all tests."""

from __future__ import annotations

from hypothesis import settings

# Examples are about results: how long one takes says how busy the machine is.
settings.register_profile("infopt", deadline=None)
settings.load_profile("infopt")
