"""Many runs over time."""
