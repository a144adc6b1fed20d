"""The processes that run models: see `worker.py`."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.families import Case

HERE = Path(__file__).parent
MARK = "\x1e"


class Worker:
    """A process of `worker.py` that answers one request at a time."""

    def __init__(self, command: Sequence[str], directory: Path) -> None:
        self.directory = directory
        self.log = directory / f"{len(list(directory.glob('*.log')))}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, HERE / "worker.py", directory],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(MARK):
                return json.loads(line.removeprefix(MARK))
        status = self.process.wait()
        raise RuntimeError(f"{self.process.args}: ended with {status}: {self.log.read_text()[-2000:]}")

    def ask(self, case: Case) -> dict[str, Any]:
        """What the process says of one model."""
        assert self.process.stdin is not None
        print(json.dumps(dataclasses.asdict(case)), file=self.process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
