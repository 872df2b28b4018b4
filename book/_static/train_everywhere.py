"""Train an autoencoder on digits: one process, several, several machines.

python train_everywhere.py
torchrun --nproc-per-node=2 train_everywhere.py
"""

import os

import torch

from vaelib.data import digits
from vaelib.evaluate import log_likelihood
from vaelib.iwae import iwae
from vaelib.latent import LatentVariableModel, StandardNormal
from vaelib.proxies import BernoulliDecoder, GaussianEncoder
from vaelib.train import fit

device = "cpu"
if torch.cuda.is_available():
    device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    torch.cuda.set_device(device)

x_train, x_test = (x.to(device) for x in digits(binary=True))
torch.manual_seed(0)
model = LatentVariableModel(StandardNormal(10), BernoulliDecoder(10, 64)).to(device)
q = GaussianEncoder(64, 10).to(device)

history = fit(
    iwae,
    model,
    q,
    x_train,
    K=20,
    steps=int(os.environ.get("STEPS", 1000)),
    batch_size=128,  # of all processes together
    held_out=x_test,
    checkpoint="digits.safetensors",  # killed, it goes on from here
)

if int(os.environ.get("RANK", 0)) == 0:
    log_p = log_likelihood(model, q, x_test, K=500).mean()
    print(f"held-out bound after {history.steps[-1]} steps:", end=" ")
    print(f"{history.held_out[-1]:.2f} nats")
    print(f"held-out log p(x): {log_p:.2f} nats")
