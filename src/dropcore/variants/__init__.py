"""The built-in variants of dropout, one file each, and the classes that variants derive from."""
