"""Serve a model over HTTP, with dynamic batching.

POST /predict takes JSON, {"inputs": [...]}, or the bytes of a .npy file; GET /health and GET /metrics (Prometheus) tell
how it is. SIGTERM and SIGINT let it answer what waits and stop. Needs: pip install lucid[serve]
"""

from __future__ import annotations

import argparse
import os
import socket
import sys

from lucid.cli._common import Problem, labels_of, model_arguments, number, open_for, warn_random

EXAMPLES = """examples:
  lucid serve resnet18 --weights resnet18.safetensors --labels imagenet.txt
  lucid serve model.onnx --port 9000 --max-batch 32 --max-delay 2
  curl --data-binary @image.npy -H 'Content-Type: application/x-npy' 'localhost:8000/predict?top=5'"""


def arguments(parser: argparse.ArgumentParser) -> None:
    model_arguments(parser)
    server = parser.add_argument_group("server")
    server.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all")
    server.add_argument("--port", type=number(0, 65535), default=8000, help="port to listen on; 0 takes a free one")
    server.add_argument("--labels", metavar="FILE", help="names of the classes, one per line, for /predict?top=K")
    server.add_argument("--access-log", action="store_true", help="a line per request on standard error")
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-batch", type=number(1, 4096), metavar="N", help="most samples in a batch (default: 16, "
                        "or the largest batch of a saved plan)")  # fmt: skip
    limits.add_argument("--max-delay", type=float, default=5.0, metavar="MS", help="longest wait for others to join a "
                        "batch, in milliseconds")  # fmt: skip
    limits.add_argument("--queue", type=number(1, 1 << 20), default=256, metavar="N", help="samples that may wait; "
                        "more are answered 503")  # fmt: skip
    limits.add_argument("--max-body", type=number(1), default=16, metavar="MB", help="largest request; larger ones are "
                        "answered 413")  # fmt: skip
    limits.add_argument("--stop-seconds", type=number(1), default=30, metavar="S", help="longest time to answer what "
                        "waits when the server is stopped")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    from lucid.serve import Limits, ModelError
    from lucid.serve import run as serve

    if not 0 <= args.max_delay <= 60000:
        raise Problem(f"--max-delay: expected 0 to 60000 milliseconds, got {args.max_delay:g}")
    labels = labels_of(args.labels)
    model = open_for(args, plans=64)
    warn_random(args, model)
    largest = args.max_batch or (max(model.sizes) if model.sizes else 16)
    limits = Limits(max_batch=largest, max_delay=args.max_delay / 1000, queue=args.queue, max_body=args.max_body << 20)

    def started(address: str) -> None:
        print(f"lucid serve: {model.name} on {address}", file=sys.stderr, flush=True)

    try:
        served = serve(model, host=args.host, port=args.port, limits=limits, labels=labels,
                       stop_seconds=args.stop_seconds, access_log=args.access_log, started=started)  # fmt: skip
    except ModelError as error:
        raise Problem(str(error)) from error
    except OSError as error:
        plain = error.errno is None or isinstance(error, socket.gaierror)  # whose numbers are others
        reason = (error.strerror or str(error) if plain else os.strerror(error.errno or 0)).lower()
        raise Problem(f"cannot listen on {args.host} port {args.port}: {reason}") from error
    if served.batcher.alive:
        raise Problem(f"stopped after {args.stop_seconds} s with {served.batcher.waiting} samples unanswered")
    print("lucid serve: stopped, everything that waited is answered", file=sys.stderr)
    return 0
