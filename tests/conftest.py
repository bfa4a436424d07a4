"""Settings that every test shares."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The same examples on every run, and no clock: a slow machine is not a failing test.
settings.register_profile("full", deadline=None, derandomize=True, database=None)
settings.register_profile("quick", settings.get_profile("full"), max_examples=20)
settings.load_profile(os.environ.get("VCLOUD_LAB_HYPOTHESIS", "full"))


@pytest.fixture(autouse=True)
def _no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test never touches the progress of the person who runs it."""
    monkeypatch.setenv("VCLOUD_LAB_PROGRESS", "off")
