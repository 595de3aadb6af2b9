"""What workers read and write: storage, tables, images, catalogs, and the names of files."""
