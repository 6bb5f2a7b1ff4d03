"""The HTTP edge: AWS's signed REST interface for operators, the data planes for devices, and the server's own pages."""
