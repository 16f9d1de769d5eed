"""Other tools of the trade on the same work in the same run: a short table, with what could not be measured and why."""
