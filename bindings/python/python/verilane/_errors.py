"""What calls raise, and what they warn of."""


class Error(Exception):
    """The base of all exceptions of this package."""


class InputError(Error, ValueError):
    """The input is wrong; the message says where and what would be valid."""

    row: int | None
    """The row that is wrong, from 0 over all chunks; None if it is not one row."""

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


class InputTypeError(InputError, TypeError):
    """The input, or a row of it, is of another type than it should be."""


class Fault(Error, RuntimeError):
    """The machine failed, on every back end that could serve the call.

    Nothing is known of the answer.
    """


class StoreError(Error):
    """An index cannot be opened, or its store cannot be read or written.

    Where the operating system refused, ``__cause__`` is its OSError.
    """


class FallbackWarning(RuntimeWarning):
    """A call was computed elsewhere than asked, after a fault; the answer is the same."""
