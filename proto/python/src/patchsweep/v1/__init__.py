"""The messages of proto/patchsweep/v1 that a client needs, made by tools/make_messages.py. Do not edit."""

#: As in proto/src/lib.rs; a coordinator of another one refuses a client.
PROTOCOL_VERSION = 14
