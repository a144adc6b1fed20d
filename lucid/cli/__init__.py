"""The command line: ``lucid info``, ``summary``, ``bench``, ``compile``, ``predict`` and ``serve``."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from lucid._version import __version__
from lucid.cli import bench, compile, info, predict, serve, summary
from lucid.cli._common import Formatter, Problem

COMMANDS = {"info": info, "summary": summary, "bench": bench, "compile": compile, "predict": predict, "serve": serve}

DESCRIPTION = """Look at, measure, compile and run networks on this CPU.

MODEL is a name of lucid.models ('lucid info --models' lists them), an ONNX file, or a file that 'lucid compile' wrote.
Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 wrong arguments,
130 interrupted."""


def parser() -> argparse.ArgumentParser:
    """The arguments of all commands."""
    made = argparse.ArgumentParser(prog="lucid", description=DESCRIPTION, formatter_class=Formatter)
    made.add_argument("--version", action="version", version=f"lucid {__version__}")
    commands = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        text = (module.__doc__ or "").strip()
        command = commands.add_parser(
            name, help=text.partition("\n")[0].rstrip("."), description=text, epilog=module.EXAMPLES,
            formatter_class=Formatter,
        )  # fmt: skip
        module.arguments(command)
        command.set_defaults(run=module.run, command=name)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the arguments; those of the process unless given.

    Returns:
        The exit code.
    """
    command = ""
    for stream in (sys.stdout, sys.stderr):  # names of files and labels that the terminal's encoding has not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape" if stream.encoding.lower() == "utf-8" else "backslashreplace")
    try:
        args = parser().parse_args(argv)
        command = f" {args.command}"
        code = int(args.run(args))
        print(end="", flush=True)
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # 'lucid ... | head' has seen enough
        reason = ""
    except (Problem, ImportError, MemoryError) as error:
        reason = str(error) or type(error).__name__
    except OSError as error:  # files that a command was given are Problems; this is a full disk, for example
        reason = f"{error.filename or 'output'}: {(error.strerror or str(error)).lower()}"
    try:
        print(end="", flush=True)
    except OSError:  # the interpreter must not try once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if reason:
        print(f"lucid{command}: {' '.join(reason.split())}", file=sys.stderr)
    return 1
