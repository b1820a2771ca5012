"""The one tree of errors a user can cause or meet.

Each message says what is wrong, where, and what to do about it; screens show it as it is and the
command line prints it without a traceback (exit code 2).
"""

from __future__ import annotations


class LesionLensError(Exception):
    """What went wrong, where (a file, row, layer or field), and what the user can do."""

    def __init__(self, what: str, where: str = "", todo: str = "") -> None:
        self.what, self.where, self.todo = what, where, todo
        super().__init__(what, where, todo)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}" + (f" {self.todo}" if self.todo else "")


class ImageError(LesionLensError):
    """A picture that cannot or must not be decoded."""


class ModelFileError(LesionLensError):
    """A file that holds no network, or none that can be opened."""


class UnsafeModel(ModelFileError):
    """A network file that asks for code or files of its own."""


class CardError(LesionLensError):
    """A model card or policy that contradicts itself or the network."""


class NoSpatialLayer(LesionLensError):
    """A network in which no layer keeps a picture, so that there is nothing to explain with CAM."""


class NoGradient(LesionLensError):
    """A network that cannot be differentiated, or not at the picture."""


class DatasetError(LesionLensError):
    """A folder or table in which no dataset was recognised."""


class PredictionsError(LesionLensError):
    """A predictions file that does not fit the dataset or the classes."""


class TrainingError(LesionLensError):
    """Settings nobody can train with, or a run that cannot go on."""


class WorkspaceError(LesionLensError):
    """A name the workspace does not hold, or a folder that cannot serve as one."""


class WorkerError(LesionLensError):
    """The process that runs networks died or ran past its limits."""


class WriteError(LesionLensError):
    """A file that cannot be written, on a full disk for instance."""


class RecordError(LesionLensError):
    """A file of results that is broken, or that another version wrote."""


class Cancelled(LesionLensError):
    """The user stopped a long run."""
