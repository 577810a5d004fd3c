"""A session as readers see it: a pure fold over the messages of a channel."""
