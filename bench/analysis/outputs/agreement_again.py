"""The figures of an agreement between two language models, from the tokens and divergences behind them. Pure."""

from statistics import fmean

from msgspec.structs import replace

from bench.record.text import Agreement, Divergence


def agreement_again(seen: Agreement) -> Agreement:
    """``seen`` with all counts, fractions and divergences computed from its ``token_ids``, ``reference_token_ids``,
    ``divergences_nats`` and ``top1_differs_at``. Of its first divergence the logits' gap and error are kept."""
    ids, theirs, nats = seen.token_ids, seen.reference_token_ids, seen.divergences_nats
    compared, positions = min(len(ids), len(theirs)), len(nats)
    same = [a == b for a, b in zip(ids, theirs, strict=False)]
    prefix = same.index(False) if False in same else compared
    swap = None
    if prefix < compared:
        known = seen.first_divergence
        gap, error = (known.logit_gap, known.logit_error) if known is not None else (None, None)
        swap = Divergence(prefix, ids[prefix], theirs[prefix], gap, error)
    return replace(
        seen,
        tokens_compared=compared,
        token_prefix=prefix if compared else None,
        tokens_equal_share=sum(same) / compared if compared else None,
        positions=positions,
        kl_divergence_nats=fmean(nats) if nats else None,
        kl_divergence_nats_max=max(nats, default=None),
        top1_agreement=(positions - len(seen.top1_differs_at)) / positions if positions else None,
        first_divergence=swap,
    )
