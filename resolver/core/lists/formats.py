"""The formats of lists by name: apart from their readers, which a server that only answers never needs."""

LINE_FORMATS = ("auto", "hosts", "domains", "wildcards", "adblock", "dnsmasq", "unbound")
"""Those that are read line by line."""
FORMATS = (*LINE_FORMATS, "rpz", "annotated")
"""Every value that a list's `format` may have."""
