"""What a token can be allowed to do: ``resource:action``, each with a sentence for people.

There is no scope that mints or reads tokens, and none that means "everything".
"""

SCOPES: dict[str, str] = {
    "customers:read": "Read customers.",
    "customers:write": "Create, change and delete customers.",
    "products:read": "Read products.",
    "products:write": "Create, change and retire products.",
    "orders:read": "Read orders with their items.",
    "orders:write": "Create and change orders.",
    "signals:write": "Send signals and ask for their receipts; reads nothing else.",
    "signals:read": "Read signals, their statistics and the state of the queue.",
    "signals:manage": "Replay and discard signals that lie in quarantine.",
    "contacts:read": "Read the log of contacts with customers.",
    "contacts:write": "Record contacts with customers.",
    "consents:read": "Read consents, opt-outs, bounces and pauses.",
    "consents:write": "Record consents, opt-outs, bounces and pauses, and lift them.",
    "contactability:read": "Ask whether a customer may be contacted, and why not.",
    "rfm:read": "Read RFM scores, segments and runs.",
    "rfm:write": "Start a new scoring of all customers.",
    "profiles:read": "Read what customers buy: tastes, rhythm, channels.",
    "metrics:read": "Read predictions of customers, and the runs that made them.",
    "metrics:write": "Start a new run of predictions.",
    "segments:read": "Read segmentations, their members and comparisons, and saved segments.",
    "segments:write": "Group customers anew, compare segmentations, rename and save segments.",
    "pipeline:read": "Read runs of the scoring pipeline.",
    "pipeline:write": "Start and resume runs of the scoring pipeline.",
    "embeddings:read": "Read texts and states of embeddings, similar customers and products.",
    "embeddings:write": "Send vectors that another system computed.",
    "recommendations:read": "Read recommendations, their reasons, runs and settings.",
    "recommendations:write": "Start a new run of recommendations.",
    "recommendations:configure": "Write and activate settings of recommendations.",
    "imports:read": "Read import batches and their refused lines.",
    "imports:write": "Upload, confirm and cancel imports.",
    "jobs:read": "Read the progress of jobs started by the same user.",
}
