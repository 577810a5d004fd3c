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


def test_the_package_alone_loads_no_other() -> None:
    loaded = loaded_by('import sys; import temporal_ably; print("\\n".join(sys.modules))')
    assert "temporal_ably" in loaded
    assert not {module.partition(".")[0] for module in loaded} & (HEAVY | {"temporalio"})


def test_import_in_a_fresh_process_loads_nothing_heavy() -> None:
    loaded = loaded_by(LIST_LOADED)
    assert "temporal_ably._temporal.streaming" in loaded
    assert not {module.partition(".")[0] for module in loaded} & HEAVY, f"loaded: {', '.join(loaded)}"
