"""HTTP/1.1: connections, listeners, bodies and answers that are whole or stream. Knows no AWS and no application."""
