"""One file for each contender.

One that trains has ``prepare(batch_size, K)``, which returns ``run``. ``run(start, steps)`` puts
the weights of that start into its networks, "untrained" or "trained", makes that many steps of a
new Adam, and returns when they are done, with the seconds of these steps if it took the time
itself. One that evaluates has ``prepare_log_likelihood(K)``, whose ``run()`` returns the mean
estimate of log p(x) over the test images, in nats.
"""
