"""Writing what TensorBoard shows. Needs the extra: ``pip install 'lucid[tensorboard]'``."""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from lucid._functions._naming import NamedMethods
from lucid.utils import _events

__all__ = ["SummaryWriter"]


class SummaryWriter(NamedMethods):
    """Writes event files that TensorBoard reads, with the methods of PyTorch's class of this name.

    Values are tensors, arrays or numbers. ``global_step`` is their place on the horizontal axis, ``walltime`` the
    time in seconds since 1970, now unless given.

    Args:
        log_dir: folder of the event file; ``runs/<date>_<host><comment>`` unless given.
        comment: end of that name.
        purge_step: steps from this one on, written by a run that crashed, are not shown.
        max_queue: events kept before the file is written.
        flush_secs: seconds after which it is written at the latest.
        filename_suffix: end of the file's name.

    Raises:
        ModuleNotFoundError: the package ``tensorboard`` is not installed.

    Example:
        >>> from lucid.utils.tensorboard import SummaryWriter
        >>> with SummaryWriter("runs/demo") as writer:  # doctest: +SKIP
        ...     writer.add_scalar("loss", 0.5, global_step=1)
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        try:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "SummaryWriter: needs the package tensorboard: pip install 'lucid[tensorboard]'", name=error.name
            ) from error
        if log_dir is None:
            log_dir = os.path.join("runs", f"{datetime.now():%b%d_%H-%M-%S}_{socket.gethostname()}{comment}")
        self.log_dir = os.fspath(log_dir)
        self._options = (max_queue, flush_secs, filename_suffix)
        self._files: dict[str, Any] = {"": EventFileWriter(self.log_dir, *self._options)}
        if purge_step is not None:
            from tensorboard.compat.proto.event_pb2 import Event, SessionLog

            self._files[""].add_event(
                Event(wall_time=time.time(), step=purge_step, session_log=SessionLog(status=SessionLog.START))
            )

    def get_logdir(self) -> str:
        """The folder of the event file."""
        return self.log_dir

    def _write(self, summary: Any, step: Any, walltime: float | None, run: str = "") -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if not self._files:
            raise RuntimeError("SummaryWriter: the writer is closed")
        if run not in self._files:
            self._files[run] = EventFileWriter(os.path.join(self.log_dir, run), *self._options)
        event = Event(wall_time=time.time() if walltime is None else walltime, summary=summary)
        if step is not None:
            event.step = int(step)
        self._files[run].add_event(event)

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """One number.

        Args:
            tag: name of the plot.
            scalar_value: a number, or a tensor of one element.
            global_step: where on the axis.
            walltime: seconds since 1970; now unless given.
            new_style, double_precision: without effect: numbers are stored in float32.
        """
        self._write(_events.scalar(tag, scalar_value), global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Several numbers in one plot, each as a run of its own in a folder below this one.

        Args:
            main_tag: name of the plot.
            tag_scalar_dict: name of the run: number.
            global_step, walltime: as of `add_scalar`.
        """
        for name, value in tag_scalar_dict.items():
            run = f"{main_tag.replace('/', '_')}_{name}"
            self._write(_events.scalar(main_tag, value), global_step, walltime, run)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: int | str = 64,
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """The distribution of values.

        Args:
            tag: name of the plot.
            values: tensor or array.
            bins: number of bins; a name counts as 64.
            max_bins: the most bins.
            global_step, walltime: as of `add_scalar`.
        """
        count = bins if isinstance(bins, int) else 64
        count = count if max_bins is None else min(count, max_bins)
        self._write(_events.histogram(tag, values, count), global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """One image.

        Args:
            tag: its name.
            img_tensor: floats in [0, 1] or uint8, with 1, 3 or 4 channels.
            dataformats: the order of its axes, by letters.
            global_step, walltime: as of `add_scalar`.

        Raises:
            ValueError: the shape does not fit ``dataformats``.
        """
        pixels = _events.as_pixels(f"add_image '{tag}'", img_tensor, dataformats)
        self._write(_events.image(tag, pixels), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """A batch of images side by side, in rows about as long as there are.

        Args:
            tag: name of the whole.
            img_tensor, dataformats, global_step, walltime: as of `add_image`, with a batch axis N.

        Raises:
            ValueError: the shape does not fit ``dataformats``, or there is no image.
        """
        batch = _events.as_array(img_tensor)
        if batch.ndim != len(dataformats) or "N" not in dataformats:
            raise ValueError(f"add_images '{tag}': shape {batch.shape} is not {dataformats}")
        batch = np.moveaxis(batch, dataformats.index("N"), 0)
        images = [_events.as_pixels(f"add_images '{tag}'", x, dataformats.replace("N", "")) for x in batch]
        if not images:
            raise ValueError(f"add_images '{tag}': expected at least one image")
        across = int(np.ceil(np.sqrt(len(images))))
        images += [np.zeros_like(images[0])] * (-len(images) % across)
        rows = [np.concatenate(images[i : i + across], axis=1) for i in range(0, len(images), across)]
        self._write(_events.image(tag, np.concatenate(rows)), global_step, walltime)

    def add_figure(
        self, tag: str, figure: Any, global_step: int | None = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """A figure of matplotlib, or a list of them, drawn as an image.

        Args:
            tag: its name.
            figure: the figure, or the list.
            close: close it afterwards.
            global_step, walltime: as of `add_scalar`.
        """
        for one in figure if isinstance(figure, (list, tuple)) else [figure]:
            buffer = io.BytesIO()
            one.savefig(buffer, format="rgba", dpi=one.dpi)
            width, height = (int(v) for v in one.canvas.get_width_height(physical=True))
            pixels = np.frombuffer(buffer.getvalue(), np.uint8).reshape(height, width, 4)
            self._write(_events.image(tag, pixels), global_step, walltime)
            if close:
                import matplotlib.pyplot as plt

                plt.close(one)

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """A text, read as Markdown.

        Args:
            tag: its name.
            text_string: the text.
            global_step, walltime: as of `add_scalar`.
        """
        self._write(_events.text(tag, text_string), global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        hparam_domain_discrete: Any = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Settings and results of a run, as a row of the table of runs, in a folder below.

        Args:
            hparam_dict: name: bool, str or number.
            metric_dict: name: number.
            hparam_domain_discrete: without effect.
            run_name: the folder; the time unless given.
            global_step: where on the axis the results are.

        Raises:
            TypeError: one of them is no dict.
        """
        if not isinstance(hparam_dict, Mapping) or not isinstance(metric_dict, Mapping):
            raise TypeError("add_hparams: hparam_dict and metric_dict should be dictionaries")
        run = run_name or str(time.time())
        for summary in _events.hyperparameters(dict(hparam_dict), dict(metric_dict)):
            self._write(summary, None, None, run)
        for name, value in metric_dict.items():
            self._write(_events.scalar(name, value), global_step, None, run)

    def add_graph(self, model: Any, input_to_model: Any = None, verbose: bool = False, **kwargs: Any) -> None:
        """Refused: `lucid.visual.draw` draws the graph of a model.

        Args:
            model, input_to_model, verbose, kwargs: not looked at.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "add_graph: not supported; lucid.visual.draw(model, input) draws the graph of a model"
        )

    def add_embedding(self, *args: Any, **kwargs: Any) -> None:
        """Refused: TensorBoard's projector is not supported.

        Args:
            args, kwargs: not looked at.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("add_embedding: TensorBoard's projector is not supported")

    def flush(self) -> None:
        """Write everything to the files."""
        for file in self._files.values():
            file.flush()

    def close(self) -> None:
        """Write everything and close the files; further values are an error."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
