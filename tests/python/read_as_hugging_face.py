"""Holds what patchsweep makes of model folders to what huggingface_hub and transformers make of them.

    python read_as_hugging_face.py PATCHSWEEP

Weights are compared where torch can be imported, as it can be where lend_torch.py found it.
"""

import os
import pathlib
import sys
import tempfile

from hugging_face import cache, conversion, hub


def has_torch():
    try:
        import torch  # noqa: F401
    except ImportError as missing:
        print(f"read_as_hugging_face: skipped what needs torch ({missing})")
        return False
    return True


def main():
    patchsweep = str(pathlib.Path(sys.argv[1]).resolve())
    os.environ["HF_HUB_OFFLINE"] = "1"
    # The commands that are printed say `python`.
    os.environ["PATH"] = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        cache.check(patchsweep, folder / "cache")
        hub.check(patchsweep, folder / "hub")
        conversion.check_tokenizer(patchsweep, folder / "tokenizer")
        if has_torch():
            from hugging_face import unembedding

            conversion.check_weights(patchsweep, folder / "weights")
            unembedding.check(patchsweep, folder / "unembedding")
    print("read_as_hugging_face: huggingface_hub and transformers agree")


if __name__ == "__main__":
    main()
