"""A zip or tar unpacked: nothing leaves the folder, nothing is a link, nothing unpacks without end."""
