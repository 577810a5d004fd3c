from __future__ import annotations

import ast
import inspect

from temporal_ably.demo import workflows


def test_workflows_know_nothing_of_us_or_of_ably():
    tree = ast.parse(inspect.getsource(workflows))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    assert not [name for name in imported if name and ("ably" in name or "openai" in name)]


def test_sub_agents_are_told_apart_by_their_workflow_type():
    assert [agent.__name__ for agent in workflows.SUB_AGENTS] == ["Historian", "Scientist", "Poet"]
