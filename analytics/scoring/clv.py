"""Predict purchases and value: the one place from which the rest of the project imports.

>>> h = Histories.of(x=[0, 4, 4], t_x=[0, 30, 50], T=[52, 52, 52], m=[float("nan"), 20, 20])
>>> from analytics.scoring.clv_bg import p_alive
>>> import numpy as np
>>> p_alive("mbg", np.array([.525, 6.183, .891, 1.614]), h).round(2).tolist()
[0.36, 0.42, 0.84]
"""

from analytics.scoring.clv_bg import Fit, degenerate, fit_bg, fit_mbg
from analytics.scoring.clv_evaluation import (
    Bin,
    Evaluation,
    ValueEvaluation,
    auc_interval,
    evaluate,
    evaluate_values,
)
from analytics.scoring.clv_guard import CHURN_WEEKS, Guard, churn, guard_rails
from analytics.scoring.clv_histories import Histories, histories_from_orders
from analytics.scoring.clv_ledger import Ledger
from analytics.scoring.clv_logistic import Logistic, fit_logistic, recalibrate
from analytics.scoring.clv_predict import Predictions, predict_shop
from analytics.scoring.clv_table import RateTable, fit_table
from analytics.scoring.clv_value import WEEKS_A_MONTH, ValueFit, fit_gamma_gamma, ltv

__all__ = [
    "CHURN_WEEKS",
    "WEEKS_A_MONTH",
    "Bin",
    "Evaluation",
    "Fit",
    "Guard",
    "Histories",
    "Ledger",
    "Logistic",
    "Predictions",
    "RateTable",
    "ValueEvaluation",
    "ValueFit",
    "auc_interval",
    "churn",
    "degenerate",
    "evaluate",
    "evaluate_values",
    "fit_bg",
    "fit_gamma_gamma",
    "fit_logistic",
    "fit_mbg",
    "fit_table",
    "guard_rails",
    "histories_from_orders",
    "ltv",
    "predict_shop",
    "recalibrate",
]
