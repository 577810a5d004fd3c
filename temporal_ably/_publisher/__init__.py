"""The publisher: pure scheduling, and the engine that runs it."""
