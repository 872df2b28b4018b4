"""One file for each contender.

A contender that trains has ``prepare(batch_size, K)``, which starts from the shared weights and returns ``run``;
``run(steps)`` makes that many steps of the optimiser and returns when they are done. One that evaluates has
``prepare_log_likelihood(K)``, whose ``run()`` returns the mean estimate of log p(x) over the test images, in nats.
"""
