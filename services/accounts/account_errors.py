"""Why a change of workspaces, tenants, people or connections was refused; nothing was changed.

AccountError
├── InvalidFieldError       a field has no usable value
├── AccountNotFoundError    it does not exist, or belongs to another workspace
├── NameTakenError          the name is in use
└── TenantExistsError       the workspace has this Entra tenant already
"""


class AccountError(Exception):
    """A change was refused."""


class InvalidFieldError(AccountError):
    """A field has no usable value; `mend` says what to write instead, never what was written."""

    def __init__(self, field: str, problem: str, mend: str) -> None:
        super().__init__(f"{field}: {problem}; {mend}")
        self.field = field
        self.problem = problem
        self.mend = mend


class AccountNotFoundError(AccountError):
    """There is no such thing for this workspace; one of another workspace answers the same."""

    def __init__(self, what: str) -> None:
        super().__init__(f"there is no such {what}")


class NameTakenError(AccountError):
    """Names are unique where they are looked up."""

    def __init__(self, what: str) -> None:
        super().__init__(f"a {what} with this name exists already; choose another name")


class TenantExistsError(AccountError):
    """The workspace has this Entra tenant already."""

    def __init__(self) -> None:
        super().__init__("this workspace has the tenant already")
