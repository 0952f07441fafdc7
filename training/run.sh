#!/usr/bin/env bash
# The embedded model from nothing but the training collections and the backbone: half an hour on two cores, 20 GB of disk.
# Run from the root of a checkout in which `pip install -c constraints.txt -e '.[test]'` was done.
set -euo pipefail
export PYTHONPATH=.
weights=src/secondpass/models/embedded/weights
tokenizer=build/encoder/tokenizer.json

python -m training.data                            # build/lists: queries with candidates as BM25 gives them
python -m training.idf                             # build/idf.npz: the frozen word table
python -m training.package --out build/encoder     # the backbone in int8, calibrated on the collections' texts
python -m training.encode --model build/encoder/encoder.onnx --tokenizer $tokenizer  # token states, fp16
python -m training.features                        # lexical evidence of every pair
python -m training.similarity                      # similarity evidence of every pair

python -m training.dev                             # the same for the development samples, which are only reported
python -m training.encode --model build/encoder/encoder.onnx --tokenizer $tokenizer \
    --lists build/dev --out build/devstates --max-tokens 512
python -m training.features --lists build/dev --out build/devstates
python -m training.similarity --lists build/dev --states build/devstates

python -m training.gate                            # build/gate.pt, and nDCG@10 by development set
mkdir -p $weights && cp build/encoder/encoder.onnx $weights/
python -m training.package --gate build/gate.pt --out $weights
python -m training.package --gate build/gate.pt --out build/embedded-fp32 --precision fp32
python -m training.calibrate --out src/secondpass/models/embedded/calibration.json  # on queries that training never read
