"""End to end on a cluster."""

import pytest

# What a helper asserts is told with its values, as in the tests themselves.
pytest.register_assert_rewrite("tests.e2e.clean", "tests.e2e.experiment", "tests.e2e.kills")
