"""tok512.bin as the two graphs that OpenVINO GenAI reads, put together from the steps of ``openvino_tokenizers``: its
own converter needs transformers."""

from pathlib import Path

from stories_tokenizer import BEGIN, END, SPACE, UNKNOWN, merges, pieces


def write_tokenizer_ir(source: Path, folder: Path) -> None:
    """``openvino_tokenizer.xml`` and ``openvino_detokenizer.xml`` with their ``.bin``."""
    import openvino
    from openvino import Type
    from openvino_tokenizers import tokenizer_pipeline as steps
    from openvino_tokenizers.utils import change_inputs_type, change_outputs_type

    vocabulary = pieces(source)
    texts = [text for text, _ in vocabulary]
    pipeline = steps.TokenizerPipeline(vocab=texts, skip_tokens=[UNKNOWN, BEGIN, END])
    begin = steps.AddToken(token="<s>", _token_id=BEGIN)
    pipeline.add_steps(
        [
            steps.RegexNormalizationStep.prepend_regex(SPACE),
            steps.SpecialTokensSplit.from_string_iter(texts[: END + 1]),
            steps.RegexNormalizationStep.replace_spaces_metaspace(),
            steps.BPETokenizationStep(
                vocab=texts,
                merges=[(left, right) for left, right in merges(vocabulary)],
                unk_token="<unk>",
                fuse_unk=True,
                byte_fallback=True,
            ),
            steps.CombineSegmentsStep(inputs=[begin, steps.Sequence()]),
            steps.PaddingStep(token="</s>", _token_id=END),
            steps.VocabDecoderStep(vocab=texts),
            steps.RegexDecodingStep.replace_sp_spaces(),
            steps.ByteFallbackStep(),
            steps.FuseStep(),
            steps.UTF8ValidateStep(mode=steps.UTF8ReplaceMode.REPLACE),
            steps.RegexDecodingStep.strip_forward_space(),
        ]
    )
    tokenizer = change_outputs_type(pipeline.get_tokenizer_ov_subgraph(), Type.i64)
    detokenizer = change_inputs_type(pipeline.get_detokenizer_ov_subgraph(), Type.i64)
    for model, name in ((tokenizer, "openvino_tokenizer"), (detokenizer, "openvino_detokenizer")):
        model.set_rt_info(BEGIN, "bos_token_id")
        model.set_rt_info(END, "eos_token_id")
        model.set_rt_info(END, "pad_token_id")
        openvino.save_model(model, folder / f"{name}.xml", compress_to_fp16=False)
