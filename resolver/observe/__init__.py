"""What can be seen of a running resolver: counters, metrics and log lines."""
