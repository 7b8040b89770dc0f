"""The host's conversation with one device, against a scripted one."""
