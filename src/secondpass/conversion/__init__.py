"""How a model that torch computes becomes one graph for onnxruntime or OpenVINO."""
