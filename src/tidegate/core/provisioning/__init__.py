"""Provisioning templates (reach reference 3.4): a small language from a device's parameters to what it gets.

``functions`` is the language of values, ``template`` reads a body with every problem at once, ``plan`` is what a body
and parameters come to. Nothing here refers to anything else's result: parameters are texts, variables of ``Fn::Sub``
see parameters only. So there are no cycles, and work and size are bounded by ``functions.MOST``.
"""
