"""What keeps people out: rules for passwords, and what pages may load."""

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {},
        "MinimumLengthValidator": {"min_length": 12},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
    }.items()
]
# The first makes new ones; a password in another form gets this one when its owner signs in.
PASSWORD_HASHERS = [
    "crm_project.common.passwords.Argon2id",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # The admin theme's Alpine evaluates its attributes: the only exception.
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
