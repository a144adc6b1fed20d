"""`Module`, the base of everything with parameters."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from lucid._functions._naming import Named
from lucid._tensor import Tensor
from lucid.autograd._node import note_attribute
from lucid.nn.modules._errors import name_module, not_a_module, wrong_argument
from lucid.nn.modules._hooks import Hooked, call_with_hooks
from lucid.nn.modules._own_state import OwnState
from lucid.nn.modules._state import IncompatibleKeys, Loading, save
from lucid.nn.modules._whole import Whole
from lucid.nn.parameter import Buffer, Parameter

_TABLES = ("_parameters", "_buffers", "_modules")


class Module(Named, Hooked, OwnState, Whole):
    """Base class of all layers and models: parameters, buffers and child modules found by attribute name.

    Subclasses call ``super().__init__()`` before assigning attributes, and define ``forward``. Errors that lucid raises
    inside a call say which module they come from: ``Linear 'head.0': expected last dimension 576, got 960 (...)``.

    Attributes:
        training: True after ``train()``, False after ``eval()``.

    Raises:
        AttributeError: a parameter, buffer or module is assigned before ``super().__init__()``.
        NotImplementedError: called without a ``forward``.

    Example:
        >>> import lucid
        >>> from lucid import nn
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.fc = nn.Linear(3, 2)
        ...     def forward(self, x):
        ...         return self.fc(x)
        >>> Net()(lucid.ones(4, 3)).shape
        lucid.Size([4, 2])
        >>> [name for name, _ in Net().named_parameters()]
        ['fc.weight', 'fc.bias']
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent: set[str]
    _version = 1

    def __init__(self) -> None:
        self.__dict__.update(training=True, _parameters={}, _buffers={}, _modules={}, _non_persistent=set())

    # Calling

    def _forward_unimplemented(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    forward: Callable[..., Any] = _forward_unimplemented

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooks is None:
                return self.forward(*args, **kwargs)
            return call_with_hooks(self, self._hooks, args, kwargs)
        except (ValueError, RuntimeError, IndexError, TypeError) as error:
            name_module(error, self, args, kwargs)
            raise
        except AttributeError as error:
            wrong = wrong_argument(error, args, kwargs)
            if wrong is None:
                raise
            name_module(wrong, self)
            raise wrong from None

    # Attributes

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        for table in _TABLES:
            if table in own and name in own[table]:
                return own[table][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        note_attribute()
        own = self.__dict__
        if isinstance(value, Parameter):
            self._check_initialized("parameters")
            self._make_room(name, own["_parameters"])
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._check_initialized("module")
            self._make_room(name, own["_modules"])
            own["_modules"][name] = value
        elif isinstance(value, Buffer):
            self._check_initialized("buffers")
            self._make_room(name, own["_buffers"])
            self.register_buffer(name, value, value.persistent)
        elif "_modules" not in own:
            object.__setattr__(self, name, value)
        elif name in own["_parameters"]:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{type(value).__name__}' as parameter '{name}' (nn.Parameter or None expected)"
                )
            own["_parameters"][name] = None
        elif name in own["_modules"]:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{type(value).__name__}' as child module '{name}' (nn.Module or None expected)"
                )
            own["_modules"][name] = None
        elif name in own["_buffers"]:
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(f"cannot assign '{type(value).__name__}' as buffer '{name}' (Tensor or None expected)")
            own["_buffers"][name] = value
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        note_attribute()
        for table in _TABLES:
            if name in self.__dict__.get(table, ()):
                del self.__dict__[table][name]
                self._non_persistent.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = {*object.__dir__(self), *self._parameters, *self._buffers, *self._modules}
        return sorted(name for name in names if not name[:1].isdigit())

    def _check_initialized(self, what: str) -> None:
        if "_modules" not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")

    def _make_room(self, name: str, table: Mapping[str, Any]) -> None:
        """Drop what ``name`` means now if that is of another kind than the entries of ``table``."""
        if name not in table:
            if hasattr(type(self), name):
                raise KeyError(f"attribute '{name}' already exists")
            self.__dict__.pop(name, None)
            for other in _TABLES:
                self.__dict__[other].pop(name, None)
            self._non_persistent.discard(name)

    def _check_name(self, kind: str, name: str, table: Mapping[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string, got {type(name).__name__}")
        if not name:
            raise KeyError(f"{kind} name can't be empty")
        if "." in name:
            raise KeyError(f"{kind} name can't contain '.', got '{name}'")
        if name not in table and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter.

        Args:
            name: attribute name, without dots.
            param: the parameter; None reserves the name and is left out of ``parameters()`` and the state dict.

        Raises:
            TypeError: ``param`` is neither.
            KeyError: the name is empty, contains a dot or is taken.
            ValueError: ``param`` is the result of an operation.
        """
        self._check_initialized("parameters")
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{type(param).__name__}' object to parameter '{name}' (nn.Parameter or None required)"
            )
        if param is not None and not param.is_leaf:
            raise ValueError(f"cannot assign the result of an operation to parameter '{name}': detach() it first")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is not trained but moves with the module, such as running statistics.

        Args:
            name: attribute name.
            tensor: the buffer, or None to reserve the name.
            persistent: whether the state dict includes it.

        Raises:
            TypeError: ``tensor`` is neither.
            KeyError: the name is empty, contains a dot or is taken.
        """
        self._check_initialized("buffers")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{type(tensor).__name__}' to buffer '{name}' (Tensor or None required)")
        self._buffers[name] = tensor
        (self._non_persistent.discard if persistent else self._non_persistent.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module.

        Args:
            name: attribute name, without dots.
            module: the module, or None to reserve the name.

        Raises:
            TypeError: ``module`` is neither.
            KeyError: the name is empty, contains a dot or is taken.
        """
        self._check_initialized("module")
        if module is not None and not isinstance(module, Module):
            raise not_a_module(module)
        self._check_name("module", name, self._modules)
        self._modules[name] = module

    register_module = add_module

    # State

    def state_dict(
        self, *args: Any, destination: OrderedDict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict[str, Any]:
        """All parameters and persistent buffers by dotted name; they share memory with the module.

        Args:
            args: destination, prefix and keep_vars by position, as they once were.
            destination: dict to fill; a new one if not given.
            prefix: put before every name as it is.
            keep_vars: give the parameters themselves instead of detached tensors.

        Returns:
            Tensors by dotted name, in the order of the modules.
        """
        given: dict[str, Any] = {"destination": destination, "prefix": prefix, "keep_vars": keep_vars}
        return save(self, **given | dict(zip(given, args)))

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values into the parameters and buffers; either all of them or, on an error, none.

        Args:
            state_dict: Tensors or arrays by dotted name, as from `state_dict`.
            strict: refuse missing and unexpected keys.
            assign: take the tensors over instead of copying their values, keeping ``requires_grad``.

        Returns:
            The missing and the unexpected keys.

        Raises:
            RuntimeError: lists all missing keys, unexpected keys (both if ``strict``) and wrong shapes.
            TypeError: ``state_dict`` is not a dict.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict: expected a dict of tensors, got {type(state_dict).__name__}")
        loading = Loading(state_dict, strict, assign)
        loading.visit(self, "")
        return loading.finish(self)

    def _upgrade_state(self, state: dict[str, Any], prefix: str, version: int | None) -> None:
        """Rewrite this module's entries of a state dict of an older ``version`` (None: unknown), in place."""

    # Printing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What to print between the parentheses; for subclasses to define."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indent(repr(child))}" for name, child in self._modules.items()]
        return layout(self._get_name(), lines, children)


def indent(text: str) -> str:
    """``text`` with all lines but the first moved right by two."""
    return text.replace("\n", "\n  ")


def layout(name: str, extra: list[str], children: list[str]) -> str:
    """``name(extra)``, or one indented line for each entry when there is more than a line of ``extra``."""
    if len(extra) == 1 and not children:
        return f"{name}({extra[0]})"
    lines = extra + children
    return f"{name}(\n  " + "\n  ".join(lines) + "\n)" if lines else f"{name}()"
