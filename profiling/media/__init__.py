"""From a picture or a recording to what it says: labels, a sentence or a transcript, and a vector in the space of the texts.

Media are fetched only from hosts that the operator named (`fetch`), read by a server of the OpenAI protocol (`reader`), once for
each distinct content (`features`). Without hosts or a server they are skipped and counted; nothing fails.
"""
