"""Functions drawn exactly from Gaussian processes, with their exact predictions.

Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), chapter 2; equation numbers are theirs.

Letters: T tasks, P points of a task, S of them support, Q queries, D numbers of an input.
"""

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from quickstudy.core import Oracle, Tasks, UserError, independent
from quickstudy.tasks.functions import Functions, PointLayout
from quickstudy.tasks.kernels import Kernel, KernelPrior, Range, Stationary, draw_log_uniform

_NEVER_SINGULAR = 1e-8  # Added to the variance of a function's values: two points may be nearly the same.


class GaussianProcesses(Functions):
    """Functions whose values are jointly normal. Each task draws its own kernel.

    Every value has normal noise, also the values of queries. The computation is in float64, because covariances of
    close points are nearly singular. The tasks are float32.

    Args:
        layout: how many points there are, and where.
        kernels: draws a kernel for each task.
        noise: standard deviation of the noise. A range is drawn from for each task.
        device: the device on which tasks are made.

    Raises:
        UserError: if the layout is invalid, or the noise is not positive.
    """

    def __init__(
        self,
        layout: PointLayout | None = None,
        kernels: KernelPrior | None = None,
        *,
        noise: Range = 0.02,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(layout, device)
        self.kernels = kernels or Stationary()
        self.noise = noise
        if not (noise if isinstance(noise, float | int) else min(noise)) > 0:
            raise UserError(f"noise = {noise} was given, but a standard deviation above zero was expected.")

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks: support_x (T, S, D), support_y (T, S, 1), and Q queries likewise.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        return self._sample(num_tasks, generator)[0]

    def sample_with_oracle(self, num_tasks: int, generator: torch.Generator) -> tuple[Tasks, Oracle]:
        """Draw the same tasks, and the exact predictions of their values (T, Q) given each task's kernel and noise.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        tasks, kernel, noise_T = self._sample(num_tasks, generator)
        nothing = tasks._replace(support_x=tasks.support_x[:, :0], support_y=tasks.support_y[:, :0])
        return tasks, Oracle(posterior(kernel, noise_T, tasks), posterior(kernel, noise_T, nothing))

    def _sample(self, num_tasks: int, generator: torch.Generator) -> tuple[Tasks, Kernel, Tensor]:
        x_TPD, num_support = self._points(num_tasks, generator)
        kernel = self.kernels.draw(num_tasks, generator)
        noise_T = draw_log_uniform(self.noise, num_tasks, generator)
        covariance_TPP = noisy(kernel(x_TPD.double(), x_TPD.double()), noise_T)
        normal_TP1 = torch.randn(*x_TPD.shape[:2], 1, generator=generator, device=generator.device).double()
        y_TP1 = torch.linalg.cholesky(covariance_TPP) @ normal_TP1
        return self._divided(x_TPD, y_TP1.float(), num_support), kernel, noise_T


def noisy(covariance_TPP: Tensor, noise_T: Tensor) -> Tensor:
    """Covariances of observed values: K + σ² I.

    Args:
        covariance_TPP: K, the covariances of values without noise.
        noise_T: σ, the standard deviation of each task's noise.
    """
    variance_T1 = (noise_T.square() + _NEVER_SINGULAR)[:, None].to(covariance_TPP)
    return covariance_TPP + torch.diag_embed(variance_T1.expand(covariance_TPP.shape[:2]))


def posterior(kernel: Kernel, noise_T: Tensor, tasks: Tasks) -> Independent:
    """The prediction of each query's value given the support (eqs. 2.22 to 2.24), with the query's noise.

    Args:
        kernel: the kernel of each task.
        noise_T: the standard deviation of each task's noise.
        tasks: support and queries.
    """
    support_TSD, query_TQD = tasks.support_x.double(), tasks.query_x.double()
    factor_TSS = torch.linalg.cholesky(noisy(kernel(support_TSD, support_TSD), noise_T))  # L
    across_TSQ = kernel(support_TSD, query_TQD)
    whitened_TSQ = torch.linalg.solve_triangular(factor_TSS, across_TSQ, upper=False)  # L⁻¹ k*
    answers_TS1 = torch.linalg.solve_triangular(factor_TSS, tasks.support_y.double(), upper=False)  # L⁻¹ y
    mean_TQ1 = whitened_TSQ.transpose(1, 2) @ answers_TS1
    prior_TQ = variances(kernel, query_TQD)
    variance_TQ = (prior_TQ - whitened_TSQ.square().sum(dim=1)).clamp(min=0) + noise_T[:, None].square()
    deviation_TQ1 = (variance_TQ + _NEVER_SINGULAR).sqrt()[..., None]
    return independent(Normal(mean_TQ1.to(tasks.query_x), deviation_TQ1.to(tasks.query_x)))


def variances(kernel: Kernel, x_TQD: Tensor) -> Tensor:
    """The variance k(x, x) of the value at each point, (T, Q).

    Args:
        kernel: the kernel of each task.
        x_TQD: the points.
    """
    num_queries = x_TQD.shape[1]
    alone_BID = x_TQD.flatten(0, 1)[:, None]
    task_B = torch.arange(len(x_TQD), device=x_TQD.device).repeat_interleave(num_queries)
    return kernel.select(task_B)(alone_BID, alone_BID).view(-1, num_queries)
