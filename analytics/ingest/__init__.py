"""Reading what systems send: pure parsing and validation, without database and queue."""
