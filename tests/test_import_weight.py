"""What worker and workflow modules import of us stays light: a sandbox repeats it for every workflow.

What `temporalio` loads by itself does not count: the sandbox shares that. (`temporalio.worker` loads pydantic.)
"""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"ably", "httpx", "opentelemetry", "pydantic", "pydantic_settings"}
LIST_LOADED = """
import sys
import temporalio.activity, temporalio.client, temporalio.worker, temporalio.workflow
before = set(sys.modules)
from temporal_ably import AblyInterceptor, current_stream, session_name, streaming
print("\\n".join(sorted(set(sys.modules) - before)))
"""


def loaded_by(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.split()


def test_sdk_is_loaded_before_any_thread_of_ours_runs() -> None:
    # A module that is half loaded in our thread would break who looks for it in theirs.
    loaded = loaded_by(
        "import sys, threading; from temporal_ably import AblyInterceptor; AblyInterceptor(api_key='a.b:c'); "
        "assert threading.active_count() == 1; print('\\n'.join(sys.modules))"
    )
    assert {"ably", "httpx"} <= set(loaded)


def test_interceptor_that_needs_no_sdk_loads_none() -> None:
    loaded = loaded_by(
        "import sys; from temporal_ably import AblyInterceptor; from temporal_ably.testing import AblyRecorder; "
        "AblyInterceptor(enabled=False); AblyInterceptor(recorder=AblyRecorder()); print('\\n'.join(sys.modules))"
    )
    assert "ably" not in loaded


def test_the_package_alone_loads_no_other() -> None:
    loaded = loaded_by('import sys; import temporal_ably; print("\\n".join(sys.modules))')
    assert "temporal_ably" in loaded
    assert not {module.partition(".")[0] for module in loaded} & (HEAVY | {"temporalio"})


def test_workflow_code_that_takes_turns_loads_little() -> None:
    # Each class of ours costs a millisecond for each workflow.
    loaded = loaded_by(
        "import sys, temporalio.activity, temporalio.client, temporalio.worker, temporalio.workflow; "
        "before = set(sys.modules); from temporal_ably import Invocation, durable_session, turn; "
        "print('\\n'.join(sorted(set(sys.modules) - before)))"
    )
    assert "temporal_ably._temporal.turns" in loaded
    assert "temporal_ably._wire.identity" not in loaded


def test_import_in_a_fresh_process_loads_nothing_heavy() -> None:
    loaded = loaded_by(LIST_LOADED)
    assert "temporal_ably._temporal.streaming" in loaded
    assert not {module.partition(".")[0] for module in loaded} & HEAVY, f"loaded: {', '.join(loaded)}"
