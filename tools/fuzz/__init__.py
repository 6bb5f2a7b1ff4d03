"""Fuzzing of what strangers can send: the MQTT codec, and sessions under any sequence of bytes and events."""
