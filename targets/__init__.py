"""Where engines live and what can be done to them."""
