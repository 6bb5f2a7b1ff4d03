"""What a rollout will do, by the rules that do it: ``core.job`` on a clock that runs ahead, over devices of a model.

``fleet`` says what devices are like, ``draws`` what each of them does. ``exact`` is a run event by event and ``arrays``
the same run over arrays, for fleets of a million; both drive ``core.job.step`` and give a ``run.Run``. ``report`` sums
many runs up, ``findings`` says it in words, ``gates`` judges it. Nothing here is random: a run is a function of its
seed. Not here: reading jobs, and learning a model from what jobs did (``ops.forecast``).
"""
