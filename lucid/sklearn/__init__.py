"""Modules as scikit-learn estimators: `Classifier` and `Regressor` (``pip install lucid[sklearn]``).

They pass scikit-learn's own checks of estimators, and so work in its pipelines, searches and cross-validations.
"""

try:
    import sklearn as _sklearn
except ImportError as error:
    raise ImportError("lucid.sklearn needs scikit-learn: pip install 'lucid[sklearn]'") from error

from lucid.sklearn._estimators import Classifier, Regressor

__all__ = ["Classifier", "Regressor"]
