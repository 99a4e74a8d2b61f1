"""A file from an address: resumed, retried where that helps, checked, and refused with a plain sentence."""
