"""What calls raise, and what they warn of."""


class Error(Exception):
    """The base of all exceptions of this package."""


class InputError(Error, ValueError):
    """The input is wrong; the message says where, and what would be valid."""

    row: int | None
    """The wrong row, counted from 0 over all chunks; None if no single row is wrong."""

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


class InputTypeError(InputError, TypeError):
    """An argument, or a row of a column, has a wrong type."""


class Fault(Error, RuntimeError):
    """The machine failed, on every back end that could serve the call. There is no answer."""


class StoreError(Error):
    """An index cannot be opened, or its store cannot be read or written.

    If the operating system refused, ``__cause__`` is the OSError.
    """


class FallbackWarning(RuntimeWarning):
    """After a fault, another back end computed the call; the answer is the same."""
