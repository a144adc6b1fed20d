"""PyTorch code on lucid: ``python -m lucid.torch`` and ``lucid.torch.install``."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

PYTHON = [sys.executable, "-P"]


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PYTHON, *arguments], capture_output=True, text=True, cwd=cwd, timeout=120)


def run_script(tmp_path: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(text))
    return run("-m", "lucid.torch", str(path), *arguments)


def test_a_training_script_runs_unchanged(tmp_path: Path) -> None:
    result = run_script(
        tmp_path,
        """
        import sys
        import torch
        import torch.nn as nn
        import torch.nn.functional as F
        from torch import optim
        from torch.utils.data import DataLoader, TensorDataset
        from torch.optim.lr_scheduler import StepLR

        assert __name__ == "__main__" and sys.argv[1:] == ["--epochs", "30"]
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.backends.cudnn.benchmark = True
        torch.manual_seed(0)
        x = torch.randn(64, 2)
        y = (x[:, 0] * x[:, 1] > 0).long()
        model = nn.Sequential(nn.Linear(2, 16), nn.SiLU(), nn.Linear(16, 2)).to(device)
        optimizer = optim.Adam(model.parameters(), lr=0.05)
        scheduler = StepLR(optimizer, 20)
        for epoch in range(30):
            for a, b in DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(a), b)
                loss.backward()
                optimizer.step()
            scheduler.step()
        assert isinstance(loss, torch.Tensor) and loss.dtype == torch.float32
        print(type(model).__module__, (model(x).argmax(1) == y).float().mean().item() > 0.9)
        """,
        "--epochs",
        "30",
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["lucid.nn.modules.container", "True"]


def test_what_is_missing_can_be_imported_and_says_so_when_used(tmp_path: Path) -> None:
    result = run_script(
        tmp_path,
        """
        import torch
        import torch.no_such.thing
        from torch.no_such import Widget, make
        from torch.nn import NoSuchLayer

        class Own(NoSuchLayer):
            pass

        print(isinstance(1, Widget), hasattr(torch, "nothing_like_this"), hasattr(torch.nn, "NoSuchLayer"))
        for use in (make, Own, NoSuchLayer, lambda: Widget.part(1)):
            try:
                use()
            except NotImplementedError as error:
                print(error)
        torch.nothing_like_this
        """,
    )
    assert result.stdout.splitlines() == [
        "False False False",
        "torch.no_such.make: lucid has nothing by this name",
        "torch.nn.NoSuchLayer: lucid has nothing by this name",
        "torch.nn.NoSuchLayer: lucid has nothing by this name",
        "torch.no_such.Widget.part: lucid has nothing by this name",
    ]
    assert "AttributeError: torch.nothing_like_this: lucid has nothing by this name" in result.stderr


def test_what_files_do_while_they_are_imported(tmp_path: Path) -> None:
    result = run_script(
        tmp_path,
        """
        import torch, torch.library, torch._dynamo
        from torch import fx, nn
        from torch.jit.annotations import BroadcastingList2
        from torch.onnx.symbolic_helper import parse_args
        from torch.types import _size
        from torch.utils._pytree import tree_map

        sizes = {torch.float32: 4, torch.bfloat16: 2, torch.complex64: 8, torch.float8_e4m3fn: 1}

        class Tracer(fx.Tracer):
            def node(self, node: fx.node.Node, size: BroadcastingList2[int]) -> fx.proxy.Proxy:
                return None

        @parse_args("v", "f")
        def symbolic(g, x):
            pass

        @torch.compile(mode="max-autotune")
        def f(x):
            return x * 2

        @torch.compiler.disable
        @torch.jit.script
        def g(x: torch.Tensor) -> torch.Tensor:
            return f(x)

        torch._C._log_api_usage_once("x")
        torch._check(True, lambda: "no")
        model = torch.compile(nn.Linear(1, 1))
        device = torch.device("cuda:0")
        print(g(torch.ones(1)).item(), type(model).__name__, device.type, tree_map(lambda v: -v, [1, (2,)]))
        assert [n.op for n in Tracer().trace(f).nodes] == [n.op for n in fx.symbolic_trace(f).graph.nodes]
        for use in (lambda: fx.ProxyableClassMeta(), lambda: torch.ops.image.read_file("x"),
                    lambda: torch.onnx.ExportOptions(), lambda: torch.ones(1).to(torch.complex32)):
            try:
                use()
            except (NotImplementedError, TypeError) as error:
                print(error)
        """,
    )
    assert result.stdout.splitlines() == [
        "2.0 Linear cuda [-1, (-2,)]",
        "torch.fx.ProxyableClassMeta: lucid has nothing by this name",
        "torch.ops.image.read_file: lucid has no such operation, and no Python implementation was registered",
        "torch.onnx.ExportOptions: lucid has nothing by this name",
        "not a lucid dtype: <torch.complex32, which lucid lacks>",
    ], result.stderr


def test_mixed_precision(tmp_path: Path) -> None:
    result = run_script(
        tmp_path,
        """
        import warnings
        import torch
        from torch.amp import GradScaler, autocast
        from torch.amp.autocast_mode import autocast as same
        from torch.cpu.amp import autocast as cpu_autocast
        from torch.cuda.amp import GradScaler as CudaScaler, autocast as cuda_autocast, custom_fwd

        assert autocast is torch.autocast is same is torch.amp.autocast
        w = torch.ones(2, 2)
        with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
            assert (w @ w).dtype == torch.bfloat16
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with cuda_autocast():
                assert (w @ w).dtype == torch.float32
            assert not CudaScaler().is_enabled() and not torch.cuda.amp.GradScaler().is_enabled()
            with cpu_autocast():
                assert (w @ w).dtype == torch.bfloat16
        assert [c.category.__name__ for c in caught] == ["FutureWarning", "UserWarning"] * 3 + ["FutureWarning"]
        assert torch.half is torch.float16 and not torch.is_autocast_enabled() and GradScaler("cpu").is_enabled()
        print(w.bfloat16().dtype)
        """,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "lucid.bfloat16\n"


def test_modules_run_too(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("")
    (tmp_path / "pkg" / "tool.py").write_text("import sys, torch\nprint(torch.ones(2).sum().item(), sys.argv[1:])\n")
    result = run("-m", "lucid.torch", "-m", "pkg.tool", "a", "--b", cwd=tmp_path)
    assert result.stdout == "2.0 ['a', '--b']\n", result.stderr


def test_install_and_uninstall() -> None:
    program = """
        import sys
        import lucid.torch
        lucid.torch.install()
        lucid.torch.install()
        import torch.nn.functional as F, torch, lucid
        assert torch.nn.Linear is lucid.nn.Linear and F.silu is lucid.nn.functional.silu
        assert torch.jit.script(max) is max and torch.__version__ == "2.13.0"
        lucid.torch.uninstall()
        assert "torch" not in sys.modules
        sys.modules["torch"] = sys
        try:
            lucid.torch.install()
        except RuntimeError as error:
            print(error)
    """
    result = run("-c", textwrap.dedent(program))
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("lucid.torch.install: PyTorch is imported already")


def test_usage() -> None:
    assert run("-m", "lucid.torch").returncode == 2
    assert run("-m", "lucid.torch", "--help").stdout.startswith("usage: python -m lucid.torch script.py")
    assert "there is no file 'nowhere.py'" in run("-m", "lucid.torch", "nowhere.py").stderr


def test_the_former_tensor_types(tmp_path: Path) -> None:
    result = run_script(
        tmp_path,
        """
        import torch
        Tensor = torch.cuda.FloatTensor if torch.cuda.is_available() else torch.FloatTensor
        x = Tensor([1, 2])
        print(x.dtype == torch.float32, isinstance(x, torch.FloatTensor), isinstance(x, torch.DoubleTensor))
        print(Tensor(2, 3).shape == (2, 3), Tensor(x.shape).shape == (2,), torch.LongTensor([3]).tolist())
        print(x.type(torch.ByteTensor).dtype == torch.uint8, isinstance(1, torch.BoolTensor))
        """,
    )
    assert result.stdout.splitlines() == ["True True False", "True True [3]", "True False"], result.stderr


def test_private_names_that_packages_use(tmp_path: Path) -> None:
    result = run_script(
        tmp_path,
        """
        import torch
        from torch.nn.init import _calculate_fan_in_and_fan_out
        from torch.nn.modules.conv import Conv2d, _ConvNd
        from torch.nn.modules.dropout import _DropoutNd
        from torch.nn.modules.instancenorm import _InstanceNorm
        from torch.nn.modules.loss import _Loss
        from torch.nn.modules.transformer import _get_activation_fn, _get_clones
        from torch.nn.modules.utils import _ntuple, _pair

        class Norm(torch.nn.modules.batchnorm._BatchNorm):
            def _check_input_dim(self, input):
                pass

        print(isinstance(Norm(3), torch.nn.modules.batchnorm._BatchNorm), torch.nn.modules.Linear is torch.nn.Linear)
        print(_calculate_fan_in_and_fan_out(torch.empty(4, 3, 2, 2)), _pair(1), _ntuple(3)((1, 2, 3)))
        print(isinstance(Conv2d(1, 1, 1), _ConvNd), isinstance(torch.nn.Dropout2d(), _DropoutNd))
        print(isinstance(torch.nn.InstanceNorm1d(1), _InstanceNorm), isinstance(torch.nn.MSELoss(), _Loss))
        print(_get_activation_fn("gelu") is torch.nn.functional.gelu, len(_get_clones(torch.nn.Linear(1, 1), 2)))
        chosen = [name for name in vars(torch.nn.modules.activation) if name.lower() in ("relu", "tanh", "gelu", "silu")]
        print(*sorted(chosen))
        """,
    )
    assert result.stdout.splitlines() == [
        "True True", "(12, 16) (1, 1) (1, 2, 3)", "True True", "True True", "True 2", "GELU ReLU SiLU Tanh"
    ], result.stderr  # fmt: skip


def test_settings_and_generators_in_checkpoints(tmp_path: Path) -> None:
    result = run_script(
        tmp_path,
        """
        import argparse, io, random
        import numpy, torch

        args = argparse.Namespace(lr=0.1, device=torch.device("cpu"))
        model = torch.nn.Linear(1, 1).state_dict()
        states = {"numpy": numpy.random.get_state(), "python": random.getstate(), "cpu": torch.random.get_rng_state()}
        torch.save({"model": model, "args": args, "states": states}, file := io.BytesIO())
        file.seek(0)
        expected = numpy.random.rand(), random.random(), torch.rand(1).item()
        checkpoint = torch.load(file, map_location="cpu", weights_only=False)
        numpy.random.set_state(checkpoint["states"]["numpy"])
        random.setstate(checkpoint["states"]["python"])
        torch.random.set_rng_state(checkpoint["states"]["cpu"])
        print(checkpoint["args"] == args, (numpy.random.rand(), random.random(), torch.rand(1).item()) == expected)
        """,
    )
    assert result.stdout == "True True\n", result.stderr


def test_optimizers_of_other_packages(tmp_path: Path) -> None:
    result = run_script(
        tmp_path,
        """
        import torch
        from torch.optim.optimizer import Optimizer, _default_to_fused_or_foreach, _use_grad_for_differentiable

        class Descent(Optimizer):
            def __init__(self, params, lr):
                super().__init__(params, {"lr": lr, "differentiable": False})

            @_use_grad_for_differentiable
            def step(self, closure=None):
                assert not torch.is_grad_enabled()
                for group in self.param_groups:
                    params = [p for p in group["params"] if p.grad is not None]
                    torch._foreach_add_(params, [p.grad for p in params], alpha=-group["lr"])

        class Around(Optimizer):  # as Lookahead of timm
            def __init__(self, inner):
                self.inner, self.param_groups, self.defaults, self.state = inner, inner.param_groups, {}, inner.state

            def step(self, closure=None):
                return self.inner.step(closure)

        w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        optimizer = Around(Descent([w], 0.5))
        (w * w).sum().backward()
        optimizer.step()
        print(w.tolist(), _default_to_fused_or_foreach([w], False, use_fused=False))
        """,
    )
    assert result.stdout == "[0.0, 0.0] (False, False)\n", result.stderr
