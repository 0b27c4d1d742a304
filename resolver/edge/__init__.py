"""Acts, thinly: sockets, files, timers."""
