"""The columns of customer, contact and consent files."""

from customers.importers.tables import (
    Field,
    TableFormat,
    a_choice,
    a_code,
    a_flag,
    a_moment,
    a_phone,
    a_text,
    an_email,
)

CUSTOMERS = TableFormat(
    (
        Field("code", a_code("customer"), required=True, also=("customer_code", "customer_id")),
        Field("name", a_text("name", 200)),
        Field("email", an_email),
        Field("phone", a_phone, about="like +441234567890"),
        Field("language", a_text("language", 10)),
        Field("country", a_text("country", 80)),
        Field("registered_at", a_moment, about="date or moment"),
        Field("is_test", a_flag("is_test"), about="yes or no"),
        Field("is_bounced", a_flag("is_bounced"), about="yes or no"),
        Field("is_optout", a_flag("is_optout"), about="yes or no"),
    )
)
CONTACTS = TableFormat(
    (
        Field("external_id", a_code("external_id", 200), required=True),
        Field("customer_code", a_code("customer"), required=True),
        Field("occurred_at", a_moment, required=True, about="date or moment"),
        Field(
            "channel",
            a_choice("channel", ("email", "sms", "phone", "post", "telegram")),
            required=True,
            about="email, sms, phone, post or telegram",
        ),
        Field("direction", a_choice("direction", ("outbound", "inbound")), about="else outbound"),
        Field(
            "purpose", a_choice("purpose", ("marketing", "transactional")), about="else marketing"
        ),
        Field(
            "status",
            a_choice(
                "status",
                ("sent", "delivered", "opened", "clicked", "bounced", "failed", "received"),
            ),
            about="else sent; received where it is inbound",
        ),
        Field("campaign", a_text("campaign", 50), about="code of a campaign that exists"),
    )
)
CONSENTS = TableFormat(
    (
        Field("customer_code", a_code("customer"), required=True, also=("customer", "code")),
        Field(
            "channel",
            a_choice("channel", ("email", "sms", "phone", "post", "telegram")),
            required=True,
            about="email, sms, phone, post or telegram",
        ),
        Field(
            "status",
            a_choice("status", ("granted", "denied", "withdrawn")),
            required=True,
            about="granted, denied or withdrawn",
        ),
        Field("decided_at", a_moment, required=True, also=("date",), about="date or moment"),
        Field(
            "purpose", a_choice("purpose", ("marketing", "transactional")), about="else marketing"
        ),
        Field("source", a_text("source", 100), about="where it was given; else the import"),
    )
)
CUSTOMER_FORMATS = {"generic": CUSTOMERS}
CONTACT_FORMATS = {"generic": CONTACTS}
CONSENT_FORMATS = {"generic": CONSENTS}
