"""How schemathesis sends NDJSON: as the text that the document's schema and examples give."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    return str(value).encode("utf-8", errors="replace")
