"""The command line: ``temporal-ably show``, ``reconcile``, ``dev`` and ``demo``.

Heavy imports stand inside the commands, so that ``--help`` answers at once and each command needs
only what it uses.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from temporal_ably._temporal.reconciliation import Reconciliation

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_EXTRA = "pip install 'temporal-ably[local]'"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: its words; ``None`` for those of this process.

    Returns:
        The exit code.
    """
    arguments = build_parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        code = command(arguments)
    except ModuleNotFoundError as err:
        package = (err.name or "").partition(".")[0]
        if package == "temporal_ably":
            raise
        print(
            f"unable to run this command; the package {package} is not installed; run `{_EXTRA}`",
            file=sys.stderr,
        )
        return 1
    if argv is None and command is _reconcile:
        _leave(code)
    return code


def _leave(code: int) -> NoReturn:
    # An interpreter that ends right after a call into Temporal's SDK may abort in one of its threads
    # (PyGILState_Release, seen with temporalio 1.35): the exit code would be lost.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def build_parser() -> argparse.ArgumentParser:
    """Describe the commands and their options."""
    parser = argparse.ArgumentParser(prog="temporal-ably", description="Durable, resumable AI sessions on Ably.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_show(commands.add_parser("show", help="print what was published to a channel"))
    _add_reconcile(commands.add_parser("reconcile", help="end the runs that every worker died on"))
    _add_dev(commands.add_parser("dev", help="run the local stand-in for Ably"))
    _add_demo(commands.add_parser("demo", help="watch a real model stream through a real Temporal server"))
    return parser


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Print what was published to a channel, from its history. The key and the rest come from ABLY_* variables."
    )
    parser.add_argument("channel", help="the session's channel, such as ai:my-workflow-id")
    parser.add_argument("--envelopes", action="store_true", help="one JSON object a message, with all its tags")
    parser.set_defaults(command=_show)


def _show(arguments: argparse.Namespace) -> int:
    from temporal_ably.show import show

    return show(arguments.channel, envelopes=arguments.envelopes)


def _add_reconcile(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "End runs whose workflow has closed while no worker was left to say so. It is safe at any time, twice, and "
        "beside living workers: a run goes on while its workflow does, and a suspended one waits for its client. The "
        "key and the rest come from ABLY_* variables, the connection to Temporal from TEMPORAL_* variables or "
        "Temporal's configuration file, as for its command line."
    )
    parser.epilog = (
        "Exit codes: 0 nothing is left to end; 1 something could not be looked at or ended; 3 with --dry-run, there is "
        "something to end."
    )
    parser.add_argument("sessions", nargs="*", metavar="SESSION", help="a channel, such as ai:my-workflow-id")
    parser.add_argument(
        "--query",
        metavar="FILTER",
        help="look at the sessions of the workflows that Temporal's list filter finds, too, such as "
        '\'ExecutionStatus != "Running" AND CloseTime > "2026-01-01T00:00:00Z"\'',
    )
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    parser.add_argument(
        "--missing-after",
        type=_duration,
        metavar="TIME",
        help="end a run in error whose workflow Temporal does not know any more, if nothing was written to it for so "
        "long, as in 72h or 30d; give at least the namespace's retention (default: such a run stays open)",
    )
    parser.add_argument(
        "--grace",
        type=_duration,
        default="60s",
        metavar="TIME",
        help="leave a run to its worker whose workflow closed, or that was written to, so recently (default: 60s)",
    )
    parser.set_defaults(command=_reconcile, usage=parser)


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give a number and s, m, h or d, as in 72h")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


def _reconcile(arguments: argparse.Namespace) -> int:
    import asyncio

    from temporalio.service import RPCError

    from temporal_ably.errors import SettingsError

    if not arguments.sessions and arguments.query is None:
        arguments.usage.error("name a SESSION, or give a --query")
    try:
        done = asyncio.run(_reconciled(arguments))
    except (SettingsError, RuntimeError, RPCError) as err:
        known = isinstance(err, SettingsError)
        print(err if known else f"unable to ask Temporal; {err}; check TEMPORAL_ADDRESS and --query", file=sys.stderr)
        return 1
    print(done)
    if not done.complete:
        return 1
    return 3 if done.dry_run and done.ended else 0


async def _reconciled(arguments: argparse.Namespace) -> Reconciliation:
    from temporalio.client import Client
    from temporalio.envconfig import ClientConfig

    from temporal_ably._temporal.reconcile import reconcile

    configured = ClientConfig.load_client_connect_config()
    configured.setdefault("target_host", "localhost:7233")
    return await reconcile(
        await Client.connect(**configured),
        arguments.sessions,
        query=arguments.query,
        missing_after=arguments.missing_after,
        grace=arguments.grace,
        dry_run=arguments.dry_run,
    )


def _add_dev(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run a local stand-in for Ably. It is not Ably, and not for production."
    parser.add_argument("--port", type=int, default=8765, help="where to listen on 127.0.0.1 (default: %(default)s)")
    parser.add_argument("--key", help="API key, appId.keyId:secret (default: a fixed one for development)")
    parser.add_argument("--limits", action="store_true", help="enforce the limits of a real account")
    parser.add_argument(
        "--no-mutable-messages", action="store_true", help="refuse appends and updates, as without the channel rule"
    )
    parser.add_argument("--faults", action="store_true", help="take faults over HTTP, for tests")
    parser.set_defaults(command=_dev)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Four acts: a plain stream; the network drops; three sub-agents; the model fails. With OPENAI_API_KEY set the "
        "model is a hosted one (OPENAI_MODEL), with ABLY_API_KEY set the channel is on your Ably account."
    )
    parser.add_argument(
        "--act", type=_acts, default="all", metavar="N", help="1, 2, 3, 4, several as in 3,4, or all (default)"
    )
    parser.add_argument("--prompt", metavar="TEXT", help="ask this; act 3 takes it for its topic")
    parser.add_argument("--plain", action="store_true", help="plain lines, as without a terminal")
    parser.add_argument("--no-pause", action="store_true", help="do not wait for the Enter key between acts")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write a picture of each act to this SVG file")
    parser.set_defaults(command=_demo)


def _acts(text: str) -> tuple[int, ...]:
    if text == "all":
        return (1, 2, 3, 4)
    numbers = tuple(int(number) for number in text.split(","))
    if not set(numbers) <= {1, 2, 3, 4}:
        raise ValueError(text)
    return numbers


def _demo(arguments: argparse.Namespace) -> int:
    from temporal_ably.demo import app

    return app.run(
        app.Options(
            arguments.act,
            arguments.prompt,
            plain=arguments.plain,
            pause=not arguments.no_pause,
            record=arguments.record,
        )
    )


def _dev(arguments: argparse.Namespace) -> int:
    import asyncio

    try:
        asyncio.run(_serve(arguments))
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError) as err:
        print(f"unable to run the local server; {err}; choose another --port or --key", file=sys.stderr)
        return 1
    return 0


async def _serve(arguments: argparse.Namespace) -> None:
    import asyncio

    from temporal_ably.server import Limits, LocalServer

    server = LocalServer(
        port=arguments.port,
        key=arguments.key,
        limits=Limits.real() if arguments.limits else None,
        mutable_messages=not arguments.no_mutable_messages,
        http_faults=arguments.faults,
    )
    async with server:
        print(f"A local stand-in for Ably is listening on {server.endpoint}. It is not Ably, and not for production.")
        print(f"\n  export ABLY_API_KEY={server.key}")
        print(f"  export ABLY_ENDPOINT={server.endpoint} ABLY_TLS=0\n")
        print("Ctrl-C stops it; what it holds is in memory only.", flush=True)
        await asyncio.Event().wait()
