"""Evidence files to ordered volumes: the only importer of pydicom."""
