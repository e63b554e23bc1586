"""How schemathesis writes bodies of types that it knows no form of."""

import schemathesis

RAW = [
    "application/pdf",
    "application/cms",
    "application/jose",
    "application/x-ndjson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "text/csv",
]


@schemathesis.serializer(*RAW)
def raw(context, value):
    if isinstance(value, bytes):
        return value
    return str(value).encode("utf-8", "surrogatepass")
