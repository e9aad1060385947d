"""What keeps people out: rules for passwords, what pages may load, how much may be sent."""

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
# Above this many bytes a body needs a right (customers.middleware), and lies on disk.
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "crm_project.common.uploads.UploadHandler",
]
CSRF_FAILURE_VIEW = "crm_project.common.admin.error_pages.outdated_form"
