"""The policy language of IAM, as it decides what operators may do (control reference 1.11).

* ``documents`` reads one document, or says everything that is wrong with it.
* ``conditions`` and ``patterns`` are the parts of a statement that match.
* ``decisions`` puts one request to the policies of a principal.
* ``managed`` holds the policies that come with the product.

The rules: an explicit Deny wins, else any Allow, else no. ``*`` is any run of characters, ``:`` and ``/`` included, and
``?`` any one. Variables are substituted in documents of version 2012-10-17 only, and what is substituted is literal; a
resource with a variable that has no value matches nothing. Devices' policies are another dialect: ``core/policy``.
"""
