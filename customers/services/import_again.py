"""Import a file once more for the lines that were refused, when their cause is gone."""

from crm_project.common.exceptions import ConflictError, CrmError
from crm_project.common.models import User
from customers.importers.errors import InputError
from customers.models import ImportBatch
from customers.selectors.imports import gone_in_words, stored_file
from customers.services.imports import create_batch


def import_again(*, batch_id: int, user: User | None = None) -> ImportBatch:
    """Make a new import of the same file that only creates what is missing.

    Nothing that is stored is changed, so the refused lines come in and no older value comes back.
    The new import is to be previewed and confirmed like any other.

    Raises:
        ConflictError: it is not committed, or no line of it was refused.
        InputError: the file is no longer kept.
    """
    batch = ImportBatch.objects.filter(pk=batch_id).first()
    if batch is None:
        raise CrmError("There is no such import.")
    if batch.status != ImportBatch.Status.COMMITTED or not batch.refused:
        raise ConflictError("Only a finished import with refused lines can be done again.")
    try:
        with stored_file(batch=batch).open("rb") as file:
            return create_batch(
                kind=batch.kind,
                format=batch.format,
                file=file,
                file_name=batch.file_name,
                source=batch.source,
                mode=ImportBatch.Mode.CREATE,
                options=batch.options,
                user=user,
            )
    except OSError as error:
        words = gone_in_words(batch=batch) or "The file of this import cannot be read."
        raise InputError(words) from error
