"""The embedded demo: our shop, an SMTP sink, the real beat and worker, and a scripted day. Needs the extra `demo`."""
