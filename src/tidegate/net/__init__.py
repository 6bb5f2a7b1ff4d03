"""What every listener asks before it looks at a request: from where it comes, and how often that went wrong."""
