# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import sys

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import judging  # noqa: E402

# The same examples every time: what fails, fails again. TRAM_PROPERTY=full looks further, and elsewhere at that.
COMMON = {"derandomize": True, "database": None, "deadline": None, "print_blob": True,
          "suppress_health_check": list(HealthCheck)}
settings.register_profile("quick", max_examples=150, **COMMON)
settings.register_profile("full", max_examples=400, **COMMON)
settings.load_profile(os.environ.get("TRAM_PROPERTY", "quick"))


@pytest.fixture(scope="session", autouse=True)
def judge_program():
    """Ended with the tests; a sanitizer's last word is its exit status."""
    yield
    assert judging.end_judge() == 0
