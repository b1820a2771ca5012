"""The tree of errors a user can cause or meet.

Each message says what is wrong, where, and what to do; screens show it unchanged and the command line prints it without a traceback
(exit code 2).
"""


class LesionLensError(Exception):
    """What went wrong, where (a file, row, layer or field), and what the user can do."""

    def __init__(self, what: str, where: str = "", todo: str = "") -> None:
        self.what, self.where, self.todo = what, where, todo
        super().__init__(what, where, todo)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}" + (f" {self.todo}" if self.todo else "")


def first_line(error: Exception, most: int = 160) -> str:
    """The first line of another library's message, to be quoted in one of ours."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:most]


class ImageError(LesionLensError):
    """An image that cannot or must not be decoded."""


class ModelFileError(LesionLensError):
    """A file without a network that can be opened."""


class UnsafeModel(ModelFileError):
    """A network file that would run code or read other files."""


class CardError(LesionLensError):
    """A model card or policy that contradicts itself or the network."""


class NoSpatialLayer(LesionLensError):
    """A network without a spatial layer, which CAM needs."""


class NoGradient(LesionLensError):
    """A network that cannot be differentiated, or not with respect to its input."""


class DatasetError(LesionLensError):
    """A folder or table that is not a usable dataset."""


class PredictionsError(LesionLensError):
    """A predictions file that does not fit the dataset or the classes."""


class TrainingError(LesionLensError):
    """Invalid training settings, or a run that cannot continue."""


class WorkspaceError(LesionLensError):
    """A name that is not in the workspace, or a folder that cannot be one."""


class AccessError(LesionLensError):
    """Sign-in settings that cannot be relied on, or a server open to more people than anybody said."""


class WorkerError(LesionLensError):
    """The process that runs networks died or exceeded its limits."""


class WriteError(LesionLensError):
    """A file that cannot be written, on a full disk for instance."""


class RecordError(LesionLensError):
    """A results file that is broken or from another version."""


class Cancelled(LesionLensError):
    """The user stopped a long run."""
