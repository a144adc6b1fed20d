"""Memory shared by DLPack: both ways, without copies, alive as long as anyone looks at it."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import lucid
from lucid.utils.dlpack import from_dlpack, to_dlpack

NUMPY_DTYPES = "float32 float64 float16 uint8 int8 int16 int32 int64 bool complex64 complex128".split()


class Watched(np.ndarray):
    """An array that can be referred to weakly, to see it go."""


def watched(n: int = 1000) -> Watched:
    return np.arange(n, dtype=np.float32).view(Watched)


@pytest.mark.parametrize("name", NUMPY_DTYPES)
def test_both_ways_share_memory(name: str) -> None:
    a = np.array([[0, 1, 2], [3, 4, 5]]).astype(name)
    x = lucid.from_dlpack(a)
    assert x.dtype.numpy == a.dtype and x.data_ptr() == a.ctypes.data and x.tolist() == a.tolist()
    b = np.from_dlpack(x)
    assert b.dtype == a.dtype and np.shares_memory(a, b)
    x[0, 0] = 1
    assert a[0, 0] == b[0, 0] == 1
    assert lucid.from_dlpack(lucid.from_dlpack(x)).data_ptr() == x.data_ptr()


@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (2, 0), (2, 3, 4)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    a = np.ones(shape)
    assert lucid.from_dlpack(a).shape == shape and np.from_dlpack(lucid.ones(*shape)).shape == shape


def test_strides_are_kept() -> None:
    x = lucid.arange(24.0).reshape(2, 3, 4)
    for view in (x.permute(2, 0, 1), x[:, ::2], x[..., 1], x[:1].expand(5, 3, 4)):
        b = np.from_dlpack(view) if view.numpy().flags.writeable else np.from_dlpack(view.clone())
        assert b.tolist() == view.tolist()
        if view.numpy().flags.writeable:
            assert b.ctypes.data == view.data_ptr() and b.strides == view.numpy().strides
    a = np.arange(10.0)
    assert lucid.from_dlpack(a[::-2]).tolist() == a[::-2].tolist()
    assert (lucid.from_dlpack(a[::-2]) * 2).tolist() == (a[::-2] * 2).tolist()


def test_an_array_lives_as_long_as_a_tensor_over_it() -> None:
    a = watched()
    gone = weakref.ref(a)
    x = lucid.from_dlpack(a)
    view = x[10:20]
    del a, x
    gc.collect()
    assert gone() is not None and view.tolist() == list(range(10, 20))
    del view
    gc.collect()
    assert gone() is None


def test_a_tensor_lives_as_long_as_an_array_over_it() -> None:
    x = lucid.from_numpy(watched())
    gone = weakref.ref(x._data)
    view = np.from_dlpack(x)[10:20]
    del x
    gc.collect()
    assert gone() is not None and view.tolist() == list(range(10, 20))
    del view
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("version", [None, (1, 0)])
@pytest.mark.parametrize("dtype", [lucid.float32, lucid.bfloat16])
def test_a_capsule_nobody_used_frees_the_memory(version: tuple[int, int] | None, dtype: lucid.dtype) -> None:
    x = lucid.from_numpy(watched()).to(dtype)
    x._data = x._data.view(Watched)
    gone = weakref.ref(x._data)
    capsule = x.__dlpack__(max_version=version)
    del x
    gc.collect()
    assert gone() is not None
    del capsule
    gc.collect()
    assert gone() is None


def test_capsules_are_used_once() -> None:
    x = lucid.ones(3)
    for capsule in (to_dlpack(x), x.__dlpack__(max_version=(1, 0))):
        y = from_dlpack(capsule)
        assert y.data_ptr() == x.data_ptr()
        with pytest.raises(RuntimeError, match="from_dlpack: received an invalid capsule; .* only once"):
            from_dlpack(capsule)
        del capsule
        assert y.tolist() == [1, 1, 1]


def test_other_capsules_are_refused() -> None:
    import datetime

    with pytest.raises(RuntimeError, match="from_dlpack: received an invalid capsule"):
        from_dlpack(datetime.datetime_CAPI)
    with pytest.raises(TypeError, match="from_dlpack: expected an object with __dlpack__, got list"):
        from_dlpack([1])


def test_versions_are_negotiated() -> None:
    x = lucid.ones(3)
    for asked, name in [(None, "dltensor"), ((0, 8), "dltensor"), ((1, 0), "dltensor_versioned")]:
        assert f'"{name}"' in repr(x.__dlpack__(max_version=asked))


class Old:
    """Speaks DLPack as it was before versions, and counts."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, stream: object = None) -> object:
        return self.array.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def test_libraries_without_versions() -> None:
    a = np.ones(3)
    assert lucid.from_dlpack(Old(a[:0])).shape == (0,) and lucid.from_dlpack(Old(a[::2].T)).stride() == (2,)
    assert lucid.from_dlpack(Old(a)).data_ptr() == lucid.asarray(Old(a)).data_ptr() == a.ctypes.data
    gone = weakref.ref(a := watched())
    x = lucid.from_dlpack(Old(a))[5:]
    x.zero_()
    assert a[4] == 4 and a[5] == 0
    del a
    gc.collect()
    assert gone() is not None and x.tolist() == [0] * 995
    del x
    gc.collect()
    assert gone() is None
    with pytest.raises(BufferError, match=r"from_dlpack: Old\.__dlpack__ cannot copy; use copy=None"):
        lucid.from_dlpack(Old(np.ones(3)), copy=True)


def test_copies_on_demand() -> None:
    x, a = lucid.ones(3), np.ones(3)
    assert np.from_dlpack(x, copy=True).ctypes.data != x.data_ptr()
    assert np.from_dlpack(x, copy=False).ctypes.data == x.data_ptr()
    assert lucid.from_dlpack(a, copy=True).data_ptr() != a.ctypes.data
    assert lucid.from_dlpack(a, copy=False).data_ptr() == a.ctypes.data
    assert lucid.from_dlpack(to_dlpack(x), copy=True).data_ptr() != x.data_ptr()


def test_read_only_memory_stays_read_only() -> None:
    a = np.ones(3)
    a.setflags(write=False)
    x = lucid.from_dlpack(a)
    assert x.data_ptr() == a.ctypes.data
    with pytest.raises(RuntimeError, match="add_: the tensor is over read-only memory; clone"):
        x.add_(1)
    assert not np.from_dlpack(x).flags.writeable
    with pytest.raises(BufferError, match="__dlpack__: the tensor is over read-only memory.* clone"):
        x.__dlpack__()
    assert lucid.from_dlpack(x.__dlpack__(copy=True)).tolist() == [1, 1, 1]


def test_devices() -> None:
    x = lucid.ones(2)
    assert x.__dlpack_device__() == (1, 0) and lucid.from_dlpack(x, device="cpu").shape == (2,)
    assert lucid.from_dlpack(x.__dlpack__(dl_device=(1, 0))).data_ptr() == x.data_ptr()
    with pytest.raises(BufferError, match=r"__dlpack__: dl_device must be \(1, 0\), the CPU, got \(2, 0\)"):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match="__dlpack__: stream should be None on cpu, got 1"):
        x.__dlpack__(stream=1)
    with pytest.raises(RuntimeError, match="device: lucid runs on CPUs only, got 'cuda'"):
        lucid.from_dlpack(x, device="cuda")

    class Elsewhere(Old):
        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

    with pytest.raises(
        BufferError, match=r"from_dlpack: lucid reads the CPU's memory only, got DLPack device \(2, 0\)"
    ):
        lucid.from_dlpack(Elsewhere(np.ones(2)))


def test_gradients_are_not_exported() -> None:
    g = lucid.ones(2, requires_grad=True)
    for export in (to_dlpack, np.from_dlpack, lucid.from_dlpack):
        with pytest.raises(BufferError, match=r"Can't export tensors that require gradient, use tensor\.detach\(\)"):
            export(g)
    assert lucid.from_dlpack(g.detach()).data_ptr() == g.data_ptr()


def test_bfloat16_between_tensors() -> None:
    x = lucid.tensor([1.5, -2.0, 3.0], dtype=lucid.bfloat16)
    for capsule in (to_dlpack(x), x.__dlpack__(max_version=(1, 0)), x):
        y = lucid.from_dlpack(capsule)
        assert y.dtype is lucid.bfloat16 and y.data_ptr() == x.data_ptr() and y.tolist() == [1.5, -2.0, 3.0]
    assert lucid.asarray(x[::2]).tolist() == [1.5, 3.0]
    with pytest.raises((BufferError, RuntimeError), match="Unsupported dtype"):
        np.from_dlpack(x)


def test_a_dtype_lucid_lacks() -> None:
    with pytest.raises(TypeError, match="no lucid dtype for numpy.uint16"):
        lucid.from_dlpack(np.ones(2, np.uint16))


@pytest.mark.parity
@pytest.mark.parametrize("name", [*NUMPY_DTYPES, "bfloat16"])
def test_pytorch_both_ways(name: str) -> None:
    torch = pytest.importorskip("torch")
    x = lucid.tensor([[0, 1], [2, 3]]).to(getattr(lucid, name))
    t = torch.from_dlpack(x)
    assert t.dtype is getattr(torch, name) and t.data_ptr() == x.data_ptr() and t.tolist() == x.tolist()
    y = lucid.from_dlpack(t)
    assert y.dtype is x.dtype and y.data_ptr() == x.data_ptr()
    t[0, 0] = 1
    assert x[0, 0] == y[0, 0] == 1
    view = t.T[:, 1:]
    del x, y, t
    gc.collect()
    assert (
        lucid.from_dlpack(view).tolist() == view.tolist() == lucid.tensor([[2], [3]]).to(getattr(lucid, name)).tolist()
    )
    assert torch.utils.dlpack.from_dlpack(to_dlpack(lucid.ones(2))).tolist() == [1, 1]
    with pytest.raises(BufferError, match="Can't export tensors that require gradient"):
        lucid.from_dlpack(torch.ones(2, requires_grad=True))
