"""What the notebooks of this course share: the models' classes and how sentences become tensors."""
