"""pythae's models with our networks: its IWAE, and for K = 1 its VAE."""

from __future__ import annotations

import torch
import work
from pythae.models import IWAE, VAE, IWAEConfig, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import Tensor, nn


class Encoder(BaseEncoder):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> ModelOutput:
        mean, log_sigma = self.net(x).chunk(2, -1)
        return ModelOutput(embedding=mean, log_covariance=2 * log_sigma)


class Decoder(BaseDecoder):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=torch.sigmoid(self.net(z)))


def model(nets: nn.ModuleList, K: int) -> VAE:
    encoder, decoder = Encoder(nets[0]), Decoder(nets[1])
    options = {"input_dim": (work.X,), "latent_dim": work.Z, "reconstruction_loss": "bce"}
    if K == 1:
        return VAE(VAEConfig(**options), encoder=encoder, decoder=decoder)
    return IWAE(IWAEConfig(**options, number_samples=K), encoder=encoder, decoder=decoder)
