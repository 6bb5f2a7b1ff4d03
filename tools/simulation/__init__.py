"""The simulation of the engine: chance drives the real operations, a naive model checks every transaction."""
