"""Names of the headers that are this API's own, as they are sent."""

# What a request may say.
PRIORITY = "x-velocity-priority"
QUEUE_TIMEOUT = "x-velocity-queue-timeout"
# Seconds the model stays while nobody uses it, from then on; 0 keeps it.
KEEP_ALIVE = "x-velocity-keep-alive"
# What an answer tells: while it waits its place and seconds, afterwards how long it waited.
QUEUE_POSITION = "x-velocity-queue-position"
QUEUE_ESTIMATE = "x-velocity-queue-estimate"
QUEUE_WAITED = "x-velocity-queue-ms"
