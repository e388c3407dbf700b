"""The English question answering model: its passages and questions, its vocabulary, its training."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent
