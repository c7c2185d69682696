"""The error that MLflow's scoring server answers with HTTP 400 and one sentence."""

from typing import Any

from mlflow.exceptions import INVALID_PARAMETER_VALUE, MlflowException


class RequestError(MlflowException):
    """A request that cannot be answered; its sentence stays as it is.

    MLflow's server puts the whole request's data before the message of an error that a model raises.
    """

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        super().__init__(sentence, error_code=INVALID_PARAMETER_VALUE)

    @property
    def message(self) -> Any:
        """The sentence."""
        return self._sentence

    @message.setter
    def message(self, value: Any) -> None:
        """Keep the sentence, whatever is put before it."""
