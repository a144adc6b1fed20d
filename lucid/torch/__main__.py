"""``python -m lucid.torch script.py [arguments]``: run PyTorch code on lucid."""

from __future__ import annotations

import os
import runpy
import sys

from lucid.torch import install

USAGE = "usage: python -m lucid.torch script.py [arguments]\n       python -m lucid.torch -m package.module [arguments]"


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help") or arguments == ["-m"]:
        print(USAGE, file=sys.stdout if arguments[:1] in (["-h"], ["--help"]) else sys.stderr)
        raise SystemExit(0 if arguments[:1] in (["-h"], ["--help"]) else 2)
    install()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path[0] = os.getcwd()
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    if not os.path.isfile(arguments[0]):
        raise SystemExit(f"lucid.torch: there is no file {arguments[0]!r}")
    sys.argv = arguments
    sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
