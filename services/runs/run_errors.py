"""What can be wrong with a write to a run; each error names a situation, none holds data.

OperationRunError
├── UnknownRunError        there is no such run (behaviour row 28)
├── RunAlreadyClosedError  the run is completed and never changes
├── NotOwnerError          another execution owns the run, or nobody does yet
├── RunMismatchError       the run belongs to another workflow or type
├── RunScopeError          workspace or tenant do not exist or do not belong together
├── AdmissionKeyTakenError the key made another run
├── ContextTooLargeError   more context than a row should carry
└── RunContentionError     the identity kept changing hands
"""

from uuid import UUID


class OperationRunError(Exception):
    """Base of everything that the run record refuses."""

    sentence = "the operation run refused a write"

    def __init__(self, run_id: UUID) -> None:
        super().__init__(f"{self.sentence}: {run_id}")
        self.run_id = run_id


class UnknownRunError(OperationRunError):
    """There is no run with this id; nothing was created."""

    reason_code = "not_found"
    sentence = "there is no such operation run"


class RunAlreadyClosedError(OperationRunError):
    """The run is completed; nothing was changed."""

    sentence = "the operation run is already completed"


class NotOwnerError(OperationRunError):
    """The writer does not own the run; nothing was changed."""

    sentence = "another execution owns the operation run"


class RunMismatchError(OperationRunError):
    """The run is not of this workflow or type; nothing was changed."""

    reason_code = "input_invalid"
    sentence = "the operation run belongs to another workflow"


class RunScopeError(OperationRunError):
    """Workspace and tenant of a new run do not belong together; nothing was created."""

    sentence = "workspace, tenant or user of the operation run do not belong together"


class AdmissionKeyTakenError(OperationRunError):
    """The admission key already made a run with another identity; `run_id` is that run."""

    sentence = "the admission key made another operation run"


class ContextTooLargeError(OperationRunError):
    """The context exceeds what a row should carry; nothing was changed."""

    sentence = "the context of the operation run is too large"


class RunContentionError(OperationRunError):
    """The identity was taken and freed again at every try; trying later will work."""

    sentence = "the identity of the operation run kept changing hands"
