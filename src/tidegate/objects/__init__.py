"""Object storage: job documents and artifacts, in a folder of this server or in any S3."""
