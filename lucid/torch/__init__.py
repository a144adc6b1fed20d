"""PyTorch code on lucid, unchanged: ``import torch`` gives lucid.

    python -m lucid.torch script.py [arguments]     run a script
    python -m lucid.torch -m package.module [...]   run a module
    lucid.torch.install()                           the same inside a process

After `install`, ``torch`` and all below it (``torch.nn.functional``, ``torch.utils.data``, ...) resolve to lucid's
modules. A name lucid lacks can be imported, since a file often imports more than it uses; using it raises
`NotImplementedError` with the name of what is missing.
"""

from __future__ import annotations

import sys

from lucid._convert import Constructor
from lucid.torch._finder import Finder
from lucid.torch._missing import Missing

__all__ = ["Missing", "install", "uninstall"]

_finder = Finder()


def install() -> None:
    """Let ``import torch`` give lucid from now on in this process; calling it again changes nothing.

    ``Tensor(...)``, which is then ``torch.Tensor``, understands its arguments as PyTorch's class: one integer is a
    size, and values get the default dtype.

    Raises:
        RuntimeError: PyTorch itself is imported already.

    Example:
        >>> import lucid.torch
        >>> lucid.torch.install()
        >>> import torch
        >>> torch.ones(2).sum().item()
        2.0
        >>> lucid.torch.uninstall()
    """
    if _finder in sys.meta_path:
        return
    if "torch" in sys.modules:
        raise RuntimeError("lucid.torch.install: PyTorch is imported already; install before the first 'import torch'")
    sys.meta_path.insert(0, _finder)
    Constructor.former = True


def uninstall() -> None:
    """Undo `install`; modules that imported ``torch`` meanwhile keep what they have.

    Example:
        >>> import lucid
        >>> import sys
        >>> import lucid.torch
        >>> lucid.torch.install()
        >>> lucid.torch.uninstall()
        >>> sys.modules.get("torch") is lucid
        False
    """
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
        Constructor.former = False
        for name in [name for name in sys.modules if name == "torch" or name.startswith("torch.")]:
            del sys.modules[name]
