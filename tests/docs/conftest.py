"""The documentation's snippets run against the same real parts as the stories."""

from tests.end_to_end.conftest import local_server, node_viewers, stage, temporal, viewers

__all__ = ["local_server", "node_viewers", "stage", "temporal", "viewers"]
