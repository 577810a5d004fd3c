"""``temporal-ably demo``: a real model, a real Temporal server, and a viewer on its own connection."""
