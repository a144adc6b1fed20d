"""`Classifier` and `Regressor`: training, prediction and scikit-learn's conventions around them."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

import lucid
from lucid import from_numpy
from lucid.sklearn import _training


class _Estimator(BaseEstimator):
    """The training loop, over encoded targets; subclasses encode and decode."""

    classes_: np.ndarray

    def _check_parameters(self) -> None:
        name = type(self).__name__
        for key, least in (("epochs", 1), ("batch_size", 1), ("patience", 1)):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise ValueError(f"{name}: {key} must be an integer of at least {least}, got {value!r}")
        if self.lr <= 0:
            raise ValueError(f"{name}: lr must be positive, got {self.lr!r}")
        if self.early_stopping and not 0 < self.validation_fraction < 1:
            raise ValueError(f"{name}: validation_fraction must lie between 0 and 1, got {self.validation_fraction!r}")

    def _validate(self, X: Any, reset: bool) -> np.ndarray:
        X = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32], allow_nd=True, order="C")
        return X

    def _start(self, X: np.ndarray, outputs: int) -> None:
        """A new module, optimizer and record of training."""
        name = type(self).__name__
        self._random = check_random_state(self.random_state)
        self._seed = int(self._random.randint(np.iinfo(np.int32).max))
        self._outputs = outputs
        with _training.seeded(self._seed):
            module = _training.make_module(self.module, self.n_features_in_, outputs, name)
        self.module_ = module.to(lucid.float32 if X.dtype == np.float32 else lucid.float64)
        self.optimizer_ = _training.make_optimizer(self.optimizer, self.module_.parameters(), self.lr, name)
        self.n_iter_ = 0
        self.history_: list[dict[str, float]] = []

    def _dtype(self) -> Any:
        """The dtype of the module, in which all data are handed to it."""
        return next((p._data.dtype for p in self.module_.parameters() if p.is_floating_point()), np.dtype(np.float64))

    def _loss(self, X: np.ndarray, target: np.ndarray, weights: np.ndarray | None) -> lucid.Tensor:
        name = type(self).__name__
        outputs = self._shaped(self.module_(from_numpy(X)))
        return _training.weighted_mean(self._criterion(outputs, from_numpy(target)), weights, name)

    def _shaped(self, outputs: Any) -> Any:
        name, shape = type(self).__name__, tuple(outputs.shape)
        if len(shape) == 1 and self._outputs == 1:
            return outputs.reshape(-1, 1)
        if len(shape) != 2 or shape[1] != self._outputs:
            raise ValueError(f"{name}: the module must give (batch, {self._outputs}), got {shape}")
        return outputs

    def _train(self, X: np.ndarray, target: np.ndarray, weights: np.ndarray | None, epochs: int, stop: bool) -> Self:
        """Train for a number of epochs, or until the validation loss no longer falls."""
        self._criterion = _training.make_loss(self._loss_or_default(), type(self).__name__)
        try:
            return self._train_with_criterion(X, target, weights, epochs, stop)
        finally:
            del self._criterion

    def _train_with_criterion(
        self, X: np.ndarray, target: np.ndarray, weights: np.ndarray | None, epochs: int, stop: bool
    ) -> Self:
        dtype = self._dtype()
        target = target if target.dtype == np.int64 else target.astype(dtype)
        rows = np.arange(len(X))
        if weights is not None:
            rows = rows[weights > 0]
            if not len(rows):
                raise ValueError(f"{type(self).__name__}: no sample has a positive weight")
            weights = (weights / weights[rows].mean()).astype(dtype)
        held: np.ndarray | None = None
        if stop:
            rows, held = self._split(rows, target)
        best, best_state, waited = np.inf, None, 0
        with _training.seeded(self._seed):
            for _ in range(epochs):
                losses = self._epoch(X, target, weights, rows, dtype)
                self.n_iter_ += 1
                record = {"epoch": self.n_iter_, "loss": losses}
                if held is not None:
                    record["valid_loss"] = self._validation_loss(X, target, weights, held, dtype)
                self.history_.append(record)
                if self.verbose:
                    print(f"{type(self).__name__}: " + ", ".join(f"{k} {v:.6g}" for k, v in record.items()))
                if held is None:
                    continue
                waited += 1
                if not record["valid_loss"] >= best - self.tol:
                    waited = 0
                if record["valid_loss"] < best:
                    best, best_state = record["valid_loss"], copy.deepcopy(self.module_.state_dict())
                if waited >= self.patience:
                    break
            # The next call goes on with other draws.
            self._seed = int(self._random.randint(np.iinfo(np.int32).max))
        if best_state is not None:
            self.module_.load_state_dict(best_state)
        self.module_.eval()
        return self

    def _epoch(
        self, X: np.ndarray, target: np.ndarray, weights: np.ndarray | None, rows: np.ndarray, dtype: np.dtype
    ) -> float:
        self.module_.train()
        order = self._random.permutation(rows) if self.shuffle else rows
        total = 0.0
        for chosen in _training.batches(order, self.batch_size):
            self.optimizer_.zero_grad()
            part = None if weights is None else weights[chosen]
            loss = self._loss(X[chosen].astype(dtype, copy=False), target[chosen], part)
            loss.backward()
            self.optimizer_.step()
            total += loss.item() * len(chosen)
        return total / len(rows)

    def _validation_loss(
        self, X: np.ndarray, target: np.ndarray, weights: np.ndarray | None, held: np.ndarray, dtype: np.dtype
    ) -> float:
        self.module_.eval()
        total = 0.0
        with lucid.inference_mode():
            for start in range(0, len(held), _training.PREDICTED_AT_ONCE):
                chosen = held[start : start + _training.PREDICTED_AT_ONCE]
                part = None if weights is None else weights[chosen]
                total += self._loss(X[chosen].astype(dtype, copy=False), target[chosen], part).item() * len(chosen)
        return total / len(held)

    def _split(self, rows: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows to train on and rows to validate with; of every class its share where classes are large enough."""
        labels = target[rows] if target.ndim == 1 else None
        seed = self._random.randint(np.iinfo(np.int32).max)
        if labels is not None:
            counts = np.bincount(labels)
            held = int(np.ceil(self.validation_fraction * len(rows)))
            if counts[counts > 0].min() < 2 or min(held, len(rows) - held) < np.count_nonzero(counts):
                labels = None
        train, held_rows = train_test_split(
            rows, test_size=self.validation_fraction, random_state=seed, stratify=labels
        )
        return train, held_rows

    def _predict(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "module_")
        X = self._validate(X, reset=False)
        return np.asarray(self._shaped(_training.outputs_of(self.module_, X.astype(self._dtype(), copy=False))))

    def _loss_or_default(self) -> Any:
        raise NotImplementedError

    @property
    def _started(self) -> bool:
        try:
            check_is_fitted(self, "module_")
        except NotFittedError:
            return False
        return True


class Classifier(ClassifierMixin, _Estimator):
    """A scikit-learn classifier that trains a module to give one logit per class.

    The loss is the mean of w_i * loss_i, where w_i is the sample's weight times its class's, scaled to a mean of 1.
    Weights that are whole numbers train like repeated samples where one batch holds them all.

    Args:
        module: a Module, of which a copy is trained, from its present weights; or a function (or class) that is called
            with ``(n_features, n_classes)`` and makes one; None for a perceptron with 64 hidden units. It takes
            batches of X, of shape (batch, features) or (batch, ...), and gives (batch, classes).
        loss: the name of a function of ``nn.functional``, a loss module, or a function of logits and class indices.
        optimizer: the name of a class of ``lucid.optim``, or a function that is called with ``(parameters, lr=lr)``.
        lr: learning rate.
        epochs: passes over the data, at most.
        batch_size: samples per step.
        shuffle: draw a new order of the samples for every epoch.
        early_stopping: hold out a part of the data, stop when its loss no longer falls, and keep the best weights.
        validation_fraction: the share that is held out, with the share of every class where that is possible.
        patience: epochs without improvement before training stops.
        tol: what counts as an improvement of the held-out loss.
        class_weight: None, "balanced" or a dict from classes to weights.
        warm_start: let `fit` go on with the module and optimizer of the last one.
        random_state: seed of the weights, the order of samples, the held-out part and draws such as dropout's.
        verbose: print one line per epoch.

    Attributes:
        classes_: the classes in sorted order.
        module_, optimizer_: what was trained, in the dtype of X: float32, or float64 for anything else.
        n_iter_: epochs done.
        history_: one dict per epoch: ``epoch``, ``loss`` and, with early stopping, ``valid_loss``.
        n_features_in_: ``X.shape[1]``.
        feature_names_in_: names of the columns, where X had any.

    Raises:
        ValueError: in `fit`, for parameters or data out of range, or a module that gives another shape.

    Example:
        >>> from lucid.sklearn import Classifier
        >>> X, y = [[0.0], [0.1], [0.9], [1.0]], ["no", "no", "yes", "yes"]
        >>> model = Classifier(lr=0.05, epochs=50, random_state=0).fit(X, y)
        >>> print(*model.predict([[0.0], [1.0]]))
        no yes

    Source: conventions of Buitinck et al., API design for machine learning software, arXiv:1309.0238.
    """

    def __init__(
        self, module: Any = None, *, loss: Any = "cross_entropy", optimizer: Any = "adamw", lr: float = 1e-2,
        epochs: int = 50, batch_size: int = 64, shuffle: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, patience: int = 10, tol: float = 1e-4, class_weight: Any = None,
        warm_start: bool = False, random_state: Any = None, verbose: bool = False,
    ) -> None:  # fmt: skip
        self.module = module
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.tol = tol
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _loss_or_default(self) -> Any:
        return self.loss

    def _fit(self, X: Any, y: Any, sample_weight: Any, classes: Any, go_on: bool, epochs: int, stop: bool) -> Self:
        self._check_parameters()
        go_on = go_on and self._started
        X, y = validate_data(
            self, X, y, reset=not go_on, dtype=[np.float64, np.float32], allow_nd=True, order="C", multi_output=True
        )
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        known = unique_labels(classes) if classes is not None else self.classes_ if go_on else np.unique(y)
        if go_on and not np.array_equal(known, self.classes_):
            raise ValueError(f"Classifier: classes changed from {self.classes_} to {known} between calls")
        if not np.isin(y, known).all():
            raise ValueError(f"Classifier: y has classes {np.setdiff1d(y, known)} that are not among {known}")
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        if self.class_weight is not None:
            scale = compute_sample_weight(self.class_weight, y)
            weights = scale if weights is None else weights * scale
        if not go_on:
            self.classes_ = known
            self._start(X, len(known))
        return self._train(X, np.searchsorted(known, y).astype(np.int64), weights, epochs, stop)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on samples ``X`` of shape (n, features) or (n, ...) and classes ``y`` of shape (n,), any labels.

        Args:
            X: numbers.
            y: classes.
            sample_weight: a non-negative weight per sample.

        Raises:
            ValueError: other shapes, NaN or infinite numbers, negative weights.
        """
        return self._fit(X, y, sample_weight, None, self.warm_start, self.epochs, self.early_stopping)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch more on ``X`` and ``y``.

        Args:
            X, y, sample_weight: as for `fit`.
            classes: all classes that will ever occur; needed in the first call unless ``y`` has them all.

        Raises:
            ValueError: as for `fit`, or ``y`` has a class that is not among the classes.
        """
        return self._fit(X, y, sample_weight, classes, True, 1, False)

    def decision_function(self, X: Any) -> np.ndarray:
        """Logits of shape (n, classes); for two classes the difference of both, of shape (n,).

        Args:
            X: shape (n, n_features).

        Raises:
            NotFittedError: `fit` was not called before.
            ValueError: other numbers of features.
        """
        logits = self._predict(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """The softmax of the logits: probabilities of shape (n, classes).

        Args:
            X: shape (n, n_features).

        Raises:
            NotFittedError: `fit` was not called before.
            ValueError: other numbers of features.
        """
        return from_numpy(self._predict(X)).softmax(1).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """The class with the largest logit, for every sample.

        Args:
            X: shape (n, n_features).

        Raises:
            NotFittedError: `fit` was not called before.
            ValueError: other numbers of features.
        """
        chosen = self._predict(X).argmax(1)
        return self.classes_[chosen]


class Regressor(RegressorMixin, _Estimator):
    """A scikit-learn regressor that trains a module to give one or several numbers.

    Args:
        module: as for `Classifier`; a function gets ``(n_features, n_targets)``, and the module gives (batch, targets),
            or (batch,) for one target.
        optimizer, lr, epochs, batch_size, shuffle, early_stopping, validation_fraction: as for `Classifier`.
        patience, tol, warm_start, random_state, verbose: as for `Classifier`.
        loss: the name of a function of ``nn.functional``, a loss module, or a function of results and targets, both
            of shape (batch, targets).

    Attributes:
        module_, optimizer_, n_iter_, history_, n_features_in_, feature_names_in_: as for `Classifier`.

    Raises:
        ValueError: in `fit`, for parameters or data out of range, or a module that gives another shape.

    Example:
        >>> from lucid.sklearn import Regressor
        >>> X = [[0.0], [0.25], [0.5], [0.75], [1.0]]
        >>> model = Regressor(epochs=300, random_state=0).fit(X, [1.0, 1.5, 2.0, 2.5, 3.0])
        >>> print(model.predict([[0.6]]).round(1))
        [2.2]

    Source: conventions of Buitinck et al., API design for machine learning software, arXiv:1309.0238.
    """

    def __init__(
        self, module: Any = None, *, loss: Any = "mse_loss", optimizer: Any = "adamw", lr: float = 1e-2,
        epochs: int = 50, batch_size: int = 64, shuffle: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, patience: int = 10, tol: float = 1e-4, warm_start: bool = False,
        random_state: Any = None, verbose: bool = False,
    ) -> None:  # fmt: skip
        self.module = module
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _loss_or_default(self) -> Any:
        return self.loss

    def _fit(self, X: Any, y: Any, sample_weight: Any, go_on: bool, epochs: int, stop: bool) -> Self:
        self._check_parameters()
        go_on = go_on and self._started
        X, y = validate_data(
            self, X, y, reset=not go_on, dtype=[np.float64, np.float32], allow_nd=True, order="C", multi_output=True,
            y_numeric=True,
        )  # fmt: skip
        target = y.reshape(len(y), -1)
        if go_on and target.shape[1] != self._outputs:
            raise ValueError(f"Regressor: targets per sample changed from {self._outputs} to {target.shape[1]}")
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        if not go_on:
            self._start(X, target.shape[1])
        self._flat = y.ndim == 1
        return self._train(X, target.astype(np.float64), weights, epochs, stop)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on samples ``X`` of shape (n, features) or (n, ...) and targets ``y`` of shape (n,) or (n, targets).

        Args:
            X, y: numbers.
            sample_weight: a non-negative weight per sample.

        Raises:
            ValueError: other shapes, NaN or infinite numbers, negative weights.
        """
        return self._fit(X, y, sample_weight, self.warm_start, self.epochs, self.early_stopping)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch more on ``X`` and ``y``; arguments and errors as for `fit`.

        Args:
            X, y, sample_weight: as for `fit`.
        """
        return self._fit(X, y, sample_weight, True, 1, False)

    def predict(self, X: Any) -> np.ndarray:
        """The module's results, of the shape of y: (n,) or (n, targets).

        Args:
            X: shape (n, n_features).

        Raises:
            NotFittedError: `fit` was not called before.
            ValueError: other numbers of features.
        """
        results = self._predict(X)
        return results[:, 0] if self._flat else results
