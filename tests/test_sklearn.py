"""The estimators of `lucid.sklearn`: scikit-learn's own checks, and what those leave out."""

from __future__ import annotations

import functools
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from sklearn.datasets import load_digits, make_regression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import lucid
from lucid import nn, optim
from lucid.sklearn import Classifier, Regressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype(np.float32)
Y = np.array(["left", "right"])[(X[:, 0] + X[:, 1] > 0).astype(int)]


@parametrize_with_checks([Classifier(), Regressor()])
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def conv_net(features: int, classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, classes),
    )


def test_a_convolutional_network_reads_digits() -> None:
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    model = Classifier(conv_net, epochs=6, random_state=0, early_stopping=True).fit(x[:1200], y[:1200])
    assert model.score(x[1200:], y[1200:]) > 0.9
    assert set(model.history_[0]) == {"epoch", "loss", "valid_loss"}
    assert model.predict_proba(x[:3]).shape == (3, 10) and model.predict_proba(x[:3]).dtype == np.float32


def test_the_same_state_gives_the_same_bits_and_leaves_the_global_one_alone() -> None:
    net = lambda features, classes: nn.Sequential(nn.Linear(features, 8), nn.Dropout(0.5), nn.Linear(8, classes))
    lucid.manual_seed(3)
    before = lucid.get_rng_state()
    first = Classifier(net, epochs=3, random_state=1).fit(X, Y).predict_proba(X)
    assert bool((lucid.get_rng_state() == before).all())
    lucid.rand(3)
    again = Classifier(net, epochs=3, random_state=1).fit(X, Y).predict_proba(X)
    other = Classifier(net, epochs=3, random_state=2).fit(X, Y).predict_proba(X)
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_search_in_a_pipeline() -> None:
    pipeline = make_pipeline(StandardScaler(), Classifier(epochs=10, random_state=0))
    search = GridSearchCV(pipeline, {"classifier__lr": [1e-5, 1e-2], "classifier__optimizer": ["sgd", "adam"]}, cv=2)
    search.fit(X, Y)
    assert search.best_params_ == {"classifier__lr": 1e-2, "classifier__optimizer": "adam"}
    try:
        assert cross_val_score(pipeline, X, Y, cv=3, n_jobs=2).mean() > 0.9
    finally:
        get_reusable_executor().shutdown()  # other tests count the processes that are left


@pytest.mark.parametrize("copy", [lambda m: pickle.loads(pickle.dumps(m)), lambda m: __import__("copy").deepcopy(m)])
def test_a_copy_goes_on_like_the_original(copy: Any) -> None:
    model = Classifier(epochs=3, random_state=0).fit(X, Y)
    twin = copy(model)
    assert np.array_equal(twin.predict_proba(X), model.predict_proba(X))
    model.partial_fit(X, Y)
    twin.partial_fit(X, Y)
    assert np.array_equal(twin.predict_proba(X), model.predict_proba(X)) and twin.n_iter_ == 4


def test_a_module_is_copied_and_a_clone_starts_from_its_weights() -> None:
    module = nn.Linear(4, 2)
    weight = module.weight.detach().numpy().copy()
    model = Classifier(module, epochs=2, random_state=0).fit(X, Y)
    assert np.array_equal(module.weight.detach().numpy(), weight)
    assert not np.array_equal(model.module_.weight.detach().numpy(), weight)
    assert np.array_equal(clone(model).fit(X, Y).predict_proba(X), model.predict_proba(X))


def test_warm_start_and_partial_fit_go_on() -> None:
    model = Classifier(epochs=2, warm_start=True, random_state=0).fit(X, Y)
    module = model.module_
    model.fit(X, Y)
    assert model.module_ is module and model.n_iter_ == 4 and [h["epoch"] for h in model.history_] == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="Classifier: y has classes .*'down' 'up'.* that are not among"):
        model.fit(X, np.where(Y == "left", "up", "down"))
    with pytest.raises(ValueError, match="Classifier: classes changed from .*'left' 'right'.* to "):
        model.partial_fit(X, Y, classes=["left", "right", "up"])
    model = Classifier(random_state=0)
    model.partial_fit(X[:1], Y[:1], classes=["left", "right", "up"])
    assert list(model.classes_) == ["left", "right", "up"] and model.predict_proba(X).shape == (120, 3)
    with pytest.raises(ValueError, match="Classifier: y has classes"):
        model.partial_fit(X[:1], ["nowhere"])


def test_weights_count_like_repetition() -> None:
    weights = RNG.integers(0, 3, 50)
    x, y = X[:50].astype(np.float64), X[:50, 2] * 2
    options: dict[str, Any] = dict(epochs=20, batch_size=1000, random_state=0)
    weighted = Regressor(**options).fit(x, y, weights).predict(x)
    repeated = Regressor(**options).fit(x.repeat(weights, 0), y.repeat(weights)).predict(x)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-7)
    labels = Y[:50]
    balanced = Classifier(class_weight={"left": 3, "right": 1}, **options).fit(x, labels).predict_proba(x)
    given = Classifier(**options).fit(x, labels, np.where(labels == "left", 3, 1)).predict_proba(x)
    assert np.array_equal(balanced, given)
    with pytest.raises(ValueError, match="Classifier: no sample has a positive weight"):
        Classifier(class_weight={"left": 0, "right": 0}).fit(x, labels)


def test_early_stopping_keeps_the_best_weights() -> None:
    y = RNG.integers(0, 2, 120)  # nothing to learn
    model = Classifier(epochs=200, patience=3, early_stopping=True, validation_fraction=0.3, lr=0.05, random_state=0)
    model.fit(X, y)
    assert model.n_iter_ < 200
    valid = [h["valid_loss"] for h in model.history_]
    assert int(np.argmin(valid)) < model.n_iter_ - 1
    rng = Classifier(epochs=int(np.argmin(valid)) + 1, patience=200, early_stopping=True, validation_fraction=0.3,
                     lr=0.05, random_state=0).fit(X, y)  # fmt: skip
    assert np.array_equal(rng.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("loss", ["huber_loss", nn.L1Loss(), nn.SmoothL1Loss, lambda out, y: ((out - y) ** 2).mean()])
def test_losses_and_several_targets(loss: Any) -> None:
    x, y = make_regression(100, 5, n_targets=2, random_state=0)
    sgd = functools.partial(optim.SGD, momentum=0.9)
    model = Regressor(nn.Linear(5, 2).double(), loss=loss, optimizer=sgd, lr=0.05, epochs=300, random_state=0)
    assert model.fit(x, y / 100).score(x, y / 100) > 0.99 and model.predict(x).shape == y.shape


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Classifier(epochs=0), "Classifier: epochs must be an integer of at least 1, got 0"),
        (Classifier(lr=-1), "Classifier: lr must be positive, got -1"),
        (Classifier(optimizer="best"), "Classifier: there is no optimizer 'best'; lucid.optim has "),
        (Classifier(loss="pi"), "Classifier: there is no loss 'pi' in lucid.nn.functional"),
        (Classifier(nn.Linear(4, 3)), r"Classifier: the module must give \(batch, 2\), got \(64, 3\)"),
        (Classifier(early_stopping=True, validation_fraction=1.5), "validation_fraction must lie between 0 and 1"),
        (Classifier(loss=lambda out, y: out.mean(), class_weight="balanced"), "weights need a loss of every sample"),
    ],
)
def test_refusals(model: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y)


def test_modules_that_are_none() -> None:
    with pytest.raises(TypeError, match="Classifier: module must be a Module, a function that makes one, or None"):
        Classifier(3).fit(X, Y)
    with pytest.raises(TypeError, match=r"module\(n_features, n_outputs\) must give a Module, got int"):
        Classifier(lambda a, b: 3).fit(X, Y)


def test_names_of_columns() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = Classifier(epochs=1).fit(frame, Y)
    assert list(model.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"a": "z"}))


def test_without_scikit_learn_the_extra_is_named() -> None:
    program = "import sys; sys.modules['sklearn'] = None\nimport lucid\nimport lucid.sklearn"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True)
    assert "lucid.sklearn needs scikit-learn: pip install 'lucid[sklearn]'" in done.stderr


def test_the_readmes_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (block,) = (b for b in re.findall(r"^```python\n(.*?)^```", readme, re.M | re.S) if "from lucid.sklearn" in b)
    exec(compile(block, "README.md", "exec"), {})
    scores = [float(score) for score in re.findall(r"0\.\d+", capsys.readouterr().out)]
    assert len(scores) == 3 and min(scores) > 0.85
