"""Several users at once by ``onnxruntime_genai.Engine``: one static batch after another.

The engine of 0.18 batches the requests that wait as it begins a batch. Those that come later wait until every
generation of the batch has ended. ``Generator`` holds the GIL while it computes, so threads with one each would take
turns; the engine does not.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.contracts import GivenTokens, OpenRequest
from bench.errors import RunFailure
from bench.targets.decoding import decoder_of, prompt, room
from bench.targets.ort_genai.session import OpenedModel, OrtGenaiSession
from bench.words import sentence

if TYPE_CHECKING:
    import numpy.typing as npt

EVENTS = 4
"""Of one user that a step may have, at the most."""


def overlays(request: OpenRequest) -> Sequence[dict[str, Any]]:
    """What the model's configuration needs, one after another: room for all users in a batch, and no end of sequence
    but the request's stop tokens, since the engine cannot go on behind one.

    A list of them is added to those that are there, or to token 0 where there are none; a number takes their place. The
    engine needs one: without stop tokens it is the last of the vocabulary, which ``submit`` then keeps from coming.
    """
    first, *others = request.stop_tokens or (decoder_of(request.artifact).vocab_size - 1,)
    room_for_all = {
        "engine": {"static_batching": {"max_batch_size": request.users}},
        "model": {"eos_token_id": first},
        "search": {"min_length": 0, "num_beams": 1},
    }
    return [room_for_all, {"model": {"eos_token_id": others}}]


class OrtGenaiUsers(OrtGenaiSession):
    """One at a time by ``Generator``, as the class below it; at once by an engine on the same model."""

    def __init__(self, opened: OpenedModel, users: int, stop_tokens: Sequence[int] = ()) -> None:
        super().__init__(opened)
        self._users, self._stop_tokens = users, tuple(stop_tokens)
        self._engine: Any = None
        self._owner = 0
        self._events: Any = None
        self._requests: dict[int, Any] = {}

    def submit(self, user: int, ids: "npt.NDArray[Any]", tokens: int) -> None:
        import onnxruntime_genai

        new = prompt(ids, self._opened.decoder)[0]
        most = len(new) + tokens
        room(most, self._opened.decoder.context_length)
        try:
            options = onnxruntime_genai.RequestOptions()
            options.set_max_session_tokens(most)
            request = self._own_engine().create_request(options=options)
            turn = onnxruntime_genai.TurnOptions(request)
            turn.set_max_generated_tokens(tokens)
            turn.set_do_sample(False)
            if not self._stop_tokens:
                turn.set_min_generated_tokens(tokens)
            request.begin_turn(new.astype(np.int32), turn)
        except RuntimeError as error:
            raise _failure(error) from error
        self._requests[user] = request

    def step(self) -> Sequence[GivenTokens]:
        import onnxruntime_genai

        flag = onnxruntime_genai.EngineEventFlags
        token_came, ended, failed = int(flag.TOKEN), int(flag.TURN_FINISHED), int(flag.FAILED)
        users = {request: user for user, request in self._requests.items()}
        tokens: dict[int, list[int]] = {}
        done: set[int] = set()
        try:
            events = self._engine.run(self._events)
        except RuntimeError as error:
            raise _failure(error) from error
        for event in events:
            user, flags = users[event.request], int(event.flags)
            if flags & failed:
                raise _failure(event.error_code.name)
            came = tokens.setdefault(user, [])
            if flags & token_came:
                came.append(int(event.token))
            if flags & ended:
                if event.finish_reason == onnxruntime_genai.FinishReason.EOS and not flags & token_came:
                    came.append(self._stop_tokens[0])  # the engine keeps it to itself
                done.add(user)
        for user in done:
            self._requests.pop(user).close()
        return [GivenTokens(user, tuple(came), user in done) for user, came in tokens.items()]

    def _own_engine(self) -> Any:
        """The engine of this thread: it belongs to the one that made it."""
        import onnxruntime_genai

        if self._engine is None or self._owner != threading.get_ident():
            self._engine = self._events = None
            self._engine = onnxruntime_genai.Engine(self._opened.model)
            self._events = self._engine.create_event_buffer(EVENTS * self._users)
            self._owner = threading.get_ident()
        return self._engine


def _failure(error: object) -> RunFailure:
    return RunFailure(
        "unsupported_scenario",
        sentence("ort.genai.engine_refuses", error=str(error)),
        sentence("measure.measure_single_stream"),
        "steady",
    )
