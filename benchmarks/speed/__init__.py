"""Speed and memory beside Keras, fastai, plain PyTorch loops and bare inference engines."""
