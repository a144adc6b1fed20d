"""What other packages ask ``torch`` for beside its documented names, under ``lucid.torch``."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run(text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import lucid.torch\nlucid.torch.install()\n" + textwrap.dedent(text)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_installed_version_is_found() -> None:
    run("""
        from importlib import metadata, util
        import torch
        assert metadata.version("torch") == torch.__version__ == "2.13.0"
        assert util.find_spec("torch") is not None
        assert "torch" in metadata.packages_distributions()["torch"]
        assert [d.metadata["Name"] for d in metadata.distributions()].count("torch") >= 1
        assert metadata.distribution("numpy").version
        lucid.torch.uninstall()
        assert all(type(d).__name__ != "TorchDistribution" for d in metadata.distributions())
    """)


def test_names_of_other_devices() -> None:
    run("""
        import torch
        assert torch.torch is torch and torch.torch.Tensor is lucid.Tensor
        assert torch.accelerator.current_accelerator() is None and not torch.accelerator.is_available()
        assert torch.cuda.CUDAGraph | None and torch.cuda.memory_stats() == {} and torch.cuda.max_memory_reserved() == 0
        with torch.cuda.device(0), torch.backends.cudnn.flags(enabled=False):
            pass
        for use in (torch.cuda.Stream, torch.cuda.current_stream):
            try:
                use()
            except RuntimeError as error:
                assert str(error) == "torch.cuda: lucid runs on CPUs only", error
            else:
                raise AssertionError(use)
        try:
            torch.ones(1)
        except torch.cuda.OutOfMemoryError:
            pass
        assert torch.OutOfMemoryError is torch.cuda.OutOfMemoryError
        assert torch.nn.parallel.DataParallel is torch.nn.DataParallel
        assert not isinstance(torch.nn.Linear(1, 1), torch.nn.parallel.DistributedDataParallel)
        assert not isinstance(1, torch._dynamo.eval_frame.OptimizedModule)
        assert "NumPy" in torch.__config__.show()
    """)


def test_limits_of_types_that_are_lacking() -> None:
    run("""
        import torch
        for name, top, eps, tiny in (("e4m3fn", 448, 0.125, 2**-6), ("e4m3fnuz", 240, 0.125, 2**-7),
                                     ("e5m2", 57344, 0.25, 2**-14), ("e5m2fnuz", 57344, 0.125, 2**-15)):
            d = getattr(torch, f"float8_{name}")
            found = torch.finfo(d)
            assert (found.max, found.min, found.eps, found.tiny, found.bits) == (top, -top, eps, tiny, 8), name
            assert d.itemsize == 1 and d.is_floating_point and d == d and d != torch.float32
        assert torch.finfo(torch.float32).bits == 32 and torch.finfo().max == torch.finfo(torch.float32).max
        assert torch.uint16.itemsize == 2 and not torch.uint16.is_floating_point
        try:
            torch.finfo(torch.uint16)
        except TypeError as error:
            assert "finfo: expected a floating-point dtype" in str(error)
    """)


def test_modules_can_be_looked_through() -> None:
    run("""
        import torch
        from torch import distributions
        assert torch.optim.__dict__["AdamW"] is lucid.optim.AdamW
        found = {name for name, value in vars(distributions).items()
                 if isinstance(value, type) and issubclass(value, distributions.Distribution)}
        assert {"Normal", "Bernoulli", "Wishart"} <= found
        torch.ops.aten.sort.stable
    """)


def test_paths_in_trees() -> None:
    run("""
        import torch.utils._pytree as pytree
        tree = {"a": [1, (2,)], "b": 3}
        assert [(pytree.keystr(path), leaf) for path, leaf in pytree.tree_leaves_with_path(tree)] == [
            ("['a'][0]", 1), ("['a'][1][0]", 2), ("['b']", 3)]
        assert pytree.tree_map_with_path(lambda path, x: (len(path), x), tree) == {"a": [(2, 1), ((3, 2),)], "b": (1, 3)}

        class Output(dict):
            pass

        pytree.register_pytree_node(
            Output, lambda d: (list(d.values()), list(d)), lambda values, keys: Output(zip(keys, values)),
            serialized_type_name="x.Output", flatten_with_keys_fn=pytree._dict_flatten_with_keys)
        found = pytree.tree_map(lambda x: -x, Output(x=1, y=Output(z=2)))
        assert type(found) is Output and found == {"x": -1, "y": {"z": -2}}
        assert [pytree.keystr(path) for path, _ in pytree.tree_flatten_with_path(Output(x=1))[0]] == ["['x']"]
        assert pytree.tree_is_leaf(1) and not pytree.tree_is_leaf([])
        seen = []
        assert pytree.tree_map_(seen.append, tree) is tree and seen == [1, 2, 3]
    """)


def test_tensor_is_made_as_by_pytorchs_class() -> None:
    run("""
        import numpy as np, torch
        from torch import Tensor
        assert torch.Tensor([1, 2]).dtype is torch.float32 and torch.Tensor(np.ones(2)).dtype is torch.float32
        assert torch.Tensor(3).shape == (3,) and torch.Tensor(2, 3).shape == (2, 3) and torch.Tensor().shape == (0,)
        assert torch.Tensor(1, 2, 3, 4, 5).shape == (1, 2, 3, 4, 5) and torch.Tensor(torch.Size([2, 1])).shape == (2, 1)
        assert torch.Tensor([True]).tolist() == [1.0]
        try:
            Tensor(2.0)
        except TypeError as error:
            assert str(error) == "Tensor: expected sizes or one sequence, got float"
        lucid.torch.uninstall()
        assert Tensor([1, 2]).dtype is lucid.int64 and Tensor(3).tolist() == 3 and Tensor(2, 3).shape == (2, 3)
    """)


def test_whole_objects_are_written_but_no_code_in_a_file_runs() -> None:
    run("""
        import argparse, io, pickle, zipfile
        import numpy as np
        import torch
        from torch import nn
        model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        for obj in (model, argparse.Namespace(model=model), {"rng": np.array([model]), "w": torch.ones(2)}):
            file = io.BytesIO()
            torch.save(obj, file)
            file.seek(0)
            for trusted in (None, True, False):
                try:
                    torch.load(file, weights_only=trusted)
                except pickle.UnpicklingError as error:
                    assert "holds whole objects" in str(error) and not file.tell()
                else:
                    raise AssertionError(obj)
            with zipfile.ZipFile(file) as archive:
                assert type(pickle.loads(archive.read("lucid-objects/data.pkl"))) is type(obj)
        file = io.BytesIO()
        torch.save({"w": torch.ones(2), "n": 1}, file)
        file.seek(0)
        assert torch.load(file, map_location={"cuda:0": "cpu"}, mmap=False)["n"] == 1
        file.seek(0)
        assert lucid.load(file)["n"] == 1
    """)


def test_devices_as_contexts() -> None:
    run("""
        import pickle, torch
        with torch.device("cpu"):
            assert torch.ones(1).device == torch.device("cpu")

        @torch.device("cpu")
        def make():
            return torch.ones(1)

        assert make().item() == 1 and pickle.loads(pickle.dumps(torch.device("cuda:1"))).index == 1
        try:
            torch.device("cuda").__enter__()
        except RuntimeError as error:
            assert str(error) == "device: lucid runs on CPUs only, got 'cuda'"
        else:
            raise AssertionError
    """)


def test_the_meta_device_as_a_context_makes_tensors_with_their_values() -> None:
    run("""
        import threading, torch
        from torch import nn
        meta, cpu = torch.device("meta"), torch.device("cpu")

        class Rotary(nn.Module):
            def __init__(self):
                super().__init__()
                self.scale = nn.Linear(4, 4)
                powers = torch.arange(0, 8, 2, device=self.scale.weight.device) / 8
                self.register_buffer("frequencies", 1 / 100**powers, persistent=False)

        outside = torch.ones(1)
        with meta:
            elsewhere = []
            thread = threading.Thread(target=lambda: elsewhere.append(outside.device))
            thread.start()
            thread.join()
            assert elsewhere == [cpu]
            model = Rotary()
            assert torch.get_default_device() == torch.tensor([]).device == meta and outside.is_meta
            assert torch.ones(2, device="meta").sum().item() == 2
            with cpu:
                assert torch.get_default_device() == outside.device == cpu and not outside.is_meta
            assert outside.device == meta
        assert model.scale.weight.device == torch.get_default_device() == cpu and not model.frequencies.is_meta
        assert torch.equal(model.frequencies, Rotary().frequencies)
        assert 0 < model.scale.weight.abs().max().item() <= 0.5
        model.load_state_dict({"scale.weight": torch.ones(4, 4), "scale.bias": torch.ones(4)}, assign=True)
        assert model.scale(torch.ones(4)).tolist() == [5.0] * 4
        try:
            with meta:
                raise KeyError
        except KeyError:
            assert outside.device == cpu
        try:
            torch.ones(2, device="meta")
        except RuntimeError as error:
            assert str(error).endswith("device: lucid runs on CPUs only, got 'meta'")
        else:
            raise AssertionError
    """)


def test_multiplications_are_counted() -> None:
    assert "total" in run("""
        import torch
        from torch import nn
        from torch.utils.flop_counter import FlopCounterMode
        q = torch.ones(1, 2, 5, 4)
        with FlopCounterMode() as counter:
            nn.Linear(3, 4)(torch.ones(2, 3))
            torch.ones(2, 3) + 1
            nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True)
        assert counter.get_total_flops() == 2 * 2 * 3 * 4 + 2 * 2 * 5 * 5 * 8
        assert sum(counter.get_flop_counts()["Global"].values()) == counter.get_total_flops()
    """)


def test_tangents_and_modes_are_named_as_missing() -> None:
    run("""
        import torch
        from torch.autograd.forward_ad import dual_level, unpack_dual
        from torch.overrides import TorchFunctionMode
        x = torch.ones(2)
        assert unpack_dual(x).primal is x and torch.autograd.forward_ad.unpack_dual(x).tangent is None
        assert not torch._C._are_functorch_transforms_active()

        class Mode(TorchFunctionMode):
            pass

        missing = (dual_level, "autograd.forward_ad.dual_level"), (Mode, "overrides.TorchFunctionMode")
        for use, name in missing:
            try:
                use()
            except NotImplementedError as error:
                assert str(error) == f"torch.{name}: lucid has nothing by this name", error
            else:
                raise AssertionError(name)
    """)


def test_objects_of_classes_that_were_named_come_back() -> None:
    result = run(
        """
        import io, pickle, zipfile
        import torch

        class L(list):
            pass

        class Steps:
            def __init__(self, n):
                self.n = n

        # As PyTorch lays the file out.
        program = pickle.dumps([L([1]), Steps(4)], protocol=2)
        with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
            archive.writestr("archive/data.pkl", program)

        def read():
            file.seek(0)
            try:
                back = torch.load(file)
                print(type(back[0]).__name__, back[0], back[1].n)
            except Exception as error:
                print("asks for '__main__.L'" in str(error))

        read()
        with torch.serialization.safe_globals([L, (Steps, "__main__.Steps")]):
            print(len(torch.serialization.get_safe_globals()))
            read()
        read()
        torch.serialization.add_safe_globals([L, Steps])
        read()
        torch.serialization.clear_safe_globals()
        read()
        for wrong in (L, [3], [(L, 3)]):
            try:
                torch.serialization.add_safe_globals([Steps] + wrong if isinstance(wrong, list) else wrong)
            except TypeError as error:
                print(error, len(torch.serialization.get_safe_globals()))
        """,
    )
    expected = "expected classes and functions, or pairs of one and its name, got"
    assert result.splitlines() == [
        "True", "2", "L [1] 4", "True", "L [1] 4", "True", "add_safe_globals: expected a list, got type 0",
        f"add_safe_globals: {expected} 3 0", f"add_safe_globals: {expected} (<class '__main__.L'>, 3) 0",
    ], result  # fmt: skip


def test_subclasses_that_make_tensors_themselves() -> None:
    result = run(
        """
        import torch

        class Category(torch.Tensor):
            def __new__(cls, x, **kwargs):
                made = torch.as_tensor(x).as_subclass(cls)
                for name, value in kwargs.items():
                    setattr(made, name, value)
                return made

        x = Category(3, mean=1)
        print(type(x).__name__, x.item(), x.dtype, tuple(x.shape), vars(x))
        x.__dict__ = {"std": 2}
        print(vars(x), x.std, Category(torch.tensor([1, 2])).tolist())
        print(hasattr(torch.nn.Linear(1, 1), "__slots__"), torch.Generator().device, torch.get_device_module().__name__)
        """,
    )
    assert result.splitlines() == [
        "Category 3 lucid.int64 () {'mean': 1}", "{'std': 2} 2 [1, 2]", "False cpu torch.cpu"
    ], result  # fmt: skip


def test_batches_of_another_packages_loader() -> None:
    result = run(
        """
        import itertools, warnings
        from torch.utils.data._utils.collate import default_collate
        from torch.utils.data.dataloader import _DatasetKind, _MultiProcessingDataLoaderIter
        from torch.utils.data.dataloader import _SingleProcessDataLoaderIter

        class Stream:
            _auto_collation, _dataset_kind, _index_sampler = False, _DatasetKind.Iterable, itertools.count()
            collate_fn = staticmethod(lambda x: x)
            dataset = [default_collate([1, 2]), default_collate([3])]

        class Lists:
            _auto_collation, _dataset_kind, _index_sampler, drop_last = True, _DatasetKind.Map, [[0, 1], [2]], False
            collate_fn, dataset, num_workers = staticmethod(default_collate), [1.0, 2.0, 4.0], 2

        class Ordered(Lists):
            _dataset_kind, _index_sampler, drop_last = _DatasetKind.Iterable, [[0, 1], [2, 3], [4, 5]], True

        print([x.tolist() for x in _SingleProcessDataLoaderIter(Stream())])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            print([x.tolist() for x in _MultiProcessingDataLoaderIter(Lists())])
        print([str(each.message).partition(": ")[2] for each in caught])
        print([x.tolist() for x in _SingleProcessDataLoaderIter(Ordered())])
        """,
    )
    assert result.splitlines() == [
        "[[1, 2], [3]]", "[[1.0, 2.0], [4.0]]",
        "['a loader of another package is read in this process, not by 2 workers']", "[[1.0, 2.0]]",
    ], result  # fmt: skip
