"""Files of orders, written as lines, and what their import came to."""

import io

from customers.services import imports

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
GOOD = "536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom"
GENERIC = "order_number,ordered_at,customer_code,product_key,quantity,unit_price"


def batch_of(content, fmt="online-retail", *, kind="orders", **given):
    """Store a file whose import has not begun."""
    data = content if isinstance(content, bytes) else content.encode()
    return imports.create_batch(
        kind=kind, format=fmt, file=io.BytesIO(data), file_name="f.csv", **given
    )


def take(*lines, header=HEADER, **given):
    """Import lines under a header, or a file as bytes; return the batch."""
    content = lines[0] if isinstance(lines[0], bytes) else "\n".join([header, *lines]) + "\n"
    return imports.commit(batch_id=batch_of(content, **given).pk)


def generic(*lines, header=GENERIC, **given):
    return take(*lines, header=header, fmt="generic", **given)


def counts(batch):
    """Lines that were read, new, changed, unchanged, refused and skipped."""
    return batch.lines, batch.new, batch.changed, batch.unchanged, batch.refused, batch.skipped


def reasons(batch):
    return batch.summary["refused_by_reason"]
