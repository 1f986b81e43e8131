"""Several users at once by ``openvino_genai.ContinuousBatchingPipeline``: paged attention, one step for all of them.

A step computes the next token of every generation under way together with the prompts that have come; the scheduler
decides which. The pipeline is the one behind ``LLMPipeline`` on paged attention.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bench.contracts import GivenTokens, OpenRequest
from bench.errors import RunFailure
from bench.targets.decoding import prompt, room
from bench.targets.openvino import genai_options as own
from bench.targets.openvino.genai_session import OpenedPipeline, OpenVinoGenaiSession, generation
from bench.words import sentence

if TYPE_CHECKING:
    import numpy.typing as npt


def pipeline(request: OpenRequest, settings: own.Settings) -> Any:
    """A pipeline for many users."""
    from openvino_genai.py_openvino_genai import ContinuousBatchingPipeline

    scheduler = own.scheduler(settings, own.keeps_prefixes(settings, request))
    scheduler.max_num_seqs = max(scheduler.max_num_seqs, request.users)
    folder = request.artifact.path.parent
    return ContinuousBatchingPipeline(folder, scheduler, request.device, settings.properties)


class BatchedSession(OpenVinoGenaiSession):
    """Any number of generations under way; ``generate`` is one alone."""

    def __init__(self, opened: OpenedPipeline) -> None:
        super().__init__(opened)
        self._under_way: dict[int, Any] = {}
        self._requests = 0

    def fill(self, ids: "npt.NDArray[Any]") -> None:
        if len(ids):
            raise RunFailure(
                "unsupported_scenario", sentence("openvino.users_at_depth"), sentence("openvino.measure_at_depth_0")
            )

    def generate(self, ids: "npt.NDArray[Any]", tokens: int, on_token: Callable[[int], None]) -> None:
        self.submit(0, ids, tokens)
        while self._under_way:
            for given in self.step():
                for token in given.tokens:
                    on_token(token)

    def converses(self) -> bool:
        return False

    def submit(self, user: int, ids: "npt.NDArray[Any]", tokens: int) -> None:
        from openvino import Tensor

        new, decoder = prompt(ids, self._opened.decoder), self._opened.decoder
        room(new.shape[1] + tokens, decoder.context_length)
        settings = generation(tokens, self._opened.stop_tokens)
        if not self._opened.stop_tokens:  # no token has this id, and the pipeline wants one of both
            settings.set_eos_token_id(decoder.vocab_size)
            settings.stop_token_ids = {decoder.vocab_size}
        self._requests += 1
        self._under_way[user] = self._pipeline.add_request(self._requests, Tensor(new), settings)

    def step(self) -> Sequence[GivenTokens]:
        from openvino_genai import GenerationStatus

        self._pipeline.step()
        found: list[GivenTokens] = []
        for user, handle in list(self._under_way.items()):
            tokens: list[int] = []
            while handle.can_read():
                for output in handle.read().values():
                    tokens.extend(output.generated_ids)
            status = handle.get_status()
            if status != GenerationStatus.RUNNING and status != GenerationStatus.FINISHED:
                raise RunFailure(
                    "runtime_error",
                    sentence("openvino.generation_given_up", status=status.name),
                    sentence("openvino.give_larger_cache"),
                )
            ended = status == GenerationStatus.FINISHED
            if tokens or ended:
                found.append(GivenTokens(user, tuple(tokens), ended))
            if ended:
                del self._under_way[user]
        return found

    def perf_metrics(self) -> Any:
        """``None``: this pipeline has one for each generation."""
        return None

    def forget(self) -> None:
        """The pipeline cannot be told to empty its prefix cache, so another one is made."""
        if self._opened.prefixes and self._requests:
            self._pipeline = None  # before the next one takes memory
            self._pipeline = self._opened.reopened()
